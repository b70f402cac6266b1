"""The reference study's runs: every configuration of ``plateaus`` with its curves, as a table.

>>> from pinn_sweeps.data import plateaus
>>> runs = plateaus()
>>> int((runs["stage"] == "search").sum())
1980

Some of the configurations have four more seeds: ``reseeded``. ``README.md`` beside this file says
how the runs were made and what each column holds.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FILE = Path(__file__).with_name("plateaus.parquet")
SHA256 = "b7ccbe2ffd284f6722cf6b7b8ef40cc26afc09a9a4ec53a7e89e059eae4ca550"
"""Of the file: an installation that was damaged is told."""
RESEEDED = Path(__file__).with_name("reseeded.csv")
RESEEDED_SHA256 = "f982bb729269e8a681d0b2dcd3593d3d0f22296180bb4321a69e997bd5886ef8"


def plateaus() -> pd.DataFrame:
    """A row for each of the study's 1 980 search runs and 100 reruns.

    ``curve.step`` holds the steps (59 of them) at which ``curve.<column>`` gives the losses
    and cosines of that run; numbers without a unit, except ``seconds``. Raises ``ValueError`` where
    the file is not the one that was published.

    >>> curves = plateaus().iloc[0]
    >>> len(curves["curve.step"]) == len(curves["curve.loss/regression"])
    True
    """
    import pandas as pd

    return pd.read_parquet(_checked(FILE, SHA256))


def reseeded() -> pd.DataFrame:
    """A row for each further run of the grid's best and of random configurations, seeds 1 to 4.

    ``like`` is the ``run_id`` of the same configuration in ``plateaus()``, of which this run has
    another seed. Raises ``ValueError`` where the file is not the one that was published.

    >>> sorted(reseeded()["seed"].unique().tolist())
    [1, 2, 3, 4]
    """
    import pandas as pd

    return pd.read_csv(_checked(RESEEDED, RESEEDED_SHA256), dtype={"run_id": str, "like": str})


def _checked(file: Path, expected: str) -> BytesIO:
    """The file's content, which has this SHA-256."""
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"{file}: damaged: its SHA-256 is {found}, not {expected}")
    return BytesIO(content)
