"""Observations: read from tables, named by their content, refused where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pinn_core import Adam, Configuration, Mlp, Observations, Pinn, Regression
from pinn_core.configuration import run_id
from pinn_core.curricula import Marching
from pinn_core.observations import DataError
from pinn_core.observations.table import decoded, encoded
from pinn_core.problems import Burgers, Heat
from pinn_core.weightings import SelfAdaptive
from tests.pinn_core.observing import HEAT, configuration, seen


def test_noise_belongs_to_the_seed_and_to_nothing_else() -> None:
    data = seen(noise=0.5, count=4000)
    first, again, other = (data.targets(HEAT, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    added = first - data.values(HEAT)
    assert added.std() == pytest.approx(0.5 * data.values(HEAT).std(), rel=0.05)
    louder = replace(data, noise=1.0).targets(HEAT, 1) - data.values(HEAT)
    np.testing.assert_allclose(louder, 2 * added, rtol=1e-9)


def test_a_runs_name_has_the_content_and_not_where_it_came_from(tmp_path: Path) -> None:
    columns = {"x": "x", "y": "y", "t": "time", "u": "T"}
    rows = "0.1,0.2,0.3,1.5\n0.4,0.5,0.6,-2\n"
    (tmp_path / "a.csv").write_text("x,y,time,T\n" + rows)
    (tmp_path / "b.csv").write_text("T,unused,x,y,time\n1.5,a,0.1,0.2,0.3\n-2,b,0.4,0.5,0.6\n")
    (tmp_path / "c.csv").write_text("x,y,time,T\n" + rows.replace("-2", "-2.0000001"))
    frame = pd.read_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "d.parquet")
    same = [
        Observations.of("sensors", tmp_path / "a.csv", columns),
        Observations.of("sensors", tmp_path / "b.csv", columns),
        Observations.of("sensors", tmp_path / "d.parquet", columns),
        Observations.of("sensors", frame, columns),
        Observations.of("sensors", frame.to_numpy(), ("x", "y", "t", "u")),
    ]
    names = {run_id(configuration(one), 0) for one in same}
    assert len(names) == 1
    other = Observations.of("sensors", tmp_path / "c.csv", columns)
    changes = [
        other,
        replace(same[0], weight=2.0),
        replace(same[0], noise=0.1),
        replace(same[0], name="s"),
    ]
    others = {run_id(configuration(one), 0) for one in changes}
    assert len(others) == 4
    assert not names & others
    assert run_id(configuration(), 0) not in names | others


def test_a_run_without_data_has_the_name_that_it_always_had() -> None:
    assert "data" not in configuration().identity()
    one = Configuration(problem=Heat(), network=Mlp(), objective=Pinn(), phases=(Adam(steps=10),))
    assert run_id(one, 0, rule=1) == "66cf3ac80a78f32a"


def test_a_copy_is_the_same_table_or_refused() -> None:
    table = seen().table
    file = encoded(table)
    assert decoded(file, table.content).content == table.content
    for wrong in (file[:-9], b"", file.replace(b"PAR1", b"PAR2")):
        with pytest.raises(DataError, match="damaged"):
            decoded(wrong, table.content)
    with pytest.raises(DataError, match="damaged: its content is not what its name says"):
        decoded(file, "0" * 32)


CSV = "x,y,t,u\n"
WRONG: dict[str, tuple[str, str]] = {
    "a column is missing": (
        "x,y,time,u\n0,0,0,1\n1,1,1,2\n",
        "column 't' is missing, allowed: x, y, time, u",
    ),
    "a column twice": ("x,y,t,t,u\n0,0,0,0,1\n1,1,1,1,2\n", "column 't' is 2 times"),
    "text": (CSV + "0,0,0,1\n1,1,1,warm\n", "row 2: column 'u' holds 'warm', allowed: numbers"),
    "dates": (
        CSV + "0,0,2024-01-01,1\n1,1,2024-01-02,2\n",
        "row 1: column 't' holds '2024-01-01', allowed: numbers",
    ),
    "an empty cell": (CSV + "0,0,0,1\n1,1,1,\n", "row 2: column 'u' is empty or NaN"),
    "NaN": (CSV + "0,0,0,nan\n1,1,1,2\n", "row 1: column 'u' is empty or NaN"),
    "infinity": (CSV + "0,0,0,1\n1,1,1,-inf\n", "row 2: column 'u' is -inf"),
    "one row": (CSV + "0,0,0,1\n", "found 1 rows, allowed: at least 2"),
    "no row": (CSV, "found 0 rows, allowed: at least 2"),
    "no file at all": ("", "cannot be read"),
    "rows of different lengths": (CSV + "0,0,0,1\n1,1\n", "cannot be read"),
    "a point twice": (
        CSV + "0,0,0,1\n1,1,1,2\n0,0,0,3\n",
        "rows 1 and 3: the same point, allowed: one row for each point",
    ),
    "a point outside": (
        CSV + "0,0,0,1\n1,1.5,1,2\n",
        "row 2: x = 1, y = 1.5, t = 1 lies outside the domain, "
        "allowed: 0 <= x <= 1, 0 <= y <= 1, 0 <= t <= 1",
    ),
    "all points outside": (
        CSV + "0,0,60,1\n1,0,90,2\n",
        "all points lie outside: are the columns in the units of the domain?",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_said_with_file_and_row(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    file = tmp_path / "sensors.csv"
    file.write_text(text)
    with pytest.raises(DataError) as raised:
        configuration(Observations.of("sensors", file, {name: name for name in "xytu"}))
    assert "sensors" in str(raised.value)
    assert message in str(raised.value)


def noted(**changes: Any) -> Callable[[], object]:
    return lambda: configuration(seen(**changes))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a negative weight": (noted(weight=-1.0), "weight must be >= 0, found -1.0"),
    "a negative noise": (noted(noise=-0.1), "noise must be >= 0, found -0.1"),
    "a condition's name": (noted(name="boundary"), "name must be none of"),
    "a path as a name": (noted(name="a/b"), "name must be of 1 to 64 letters"),
    "two of one name": (
        lambda: configuration(seen(), seen()),
        "observations 'sensors': the name is taken",
    ),
    "the name of a term": (
        lambda: configuration(seen(Burgers(), name="initial"), problem=Burgers()),
        "'initial': the name is taken, by a condition of problem burgers",
    ),
    "a component that there is not": (
        lambda: configuration(Observations.of("s", np.zeros((2, 4)), ("x", "y", "t", "v"))),
        "problem heat has no 'v', allowed in columns: x, y, t (coordinates) and u (components)",
    ),
    "a coordinate that is lacking": (
        lambda: configuration(Observations.of("s", np.eye(3), ("x", "y", "u"))),
        "columns lacks the coordinate t of problem heat",
    ),
    "no component": (
        lambda: configuration(Observations.of("s", np.eye(3), ("x", "y", "t"))),
        "columns lacks a component of problem heat",
    ),
    "an array of another shape": (
        lambda: Observations.of("s", np.zeros(5), ("x", "u")),
        "found an array of the shape [5], allowed: [n, 2]",
    ),
    "a frame without the column": (
        lambda: Observations.of("s", pd.DataFrame({"x": [1.0]}), {"x": "z"}),
        "there is no column 'z'",
    ),
    "columns of different lengths": (
        lambda: Observations.of("s", {"x": [1.0], "u": [1.0, 2.0]}, {"x": "x", "u": "u"}),
        "its columns have the shapes [1], [2], allowed: one length",
    ),
    "an unknown kind of file": (
        lambda: Observations.of("s", "sensors.xlsx", {"x": "x"}),
        "sensors.xlsx: allowed are files that end in .csv or .parquet",
    ),
    "a file that is not there": (
        lambda: Observations.of("s", "nowhere.csv", {"x": "x"}),
        "there is no file nowhere.csv",
    ),
    "a batch where all points are trained": (noted(batch=4), "found the batch 4, allowed"),
    "a batch of more than there are": (
        lambda: configuration(seen(batch=12), objective=Pinn(batch=30)),
        "batch must be at most 11, the number of observations, found 12",
    ),
    "a regression": (
        lambda: configuration(seen(), objective=Regression()),
        "data: objective regression has no terms beside its own",
    ),
    "windows of time": (
        lambda: configuration(seen(Burgers()), problem=Burgers(), stages=Marching(windows=2)),
        "data: stages marching trains on one window of time after the other",
    ),
    "factors of points that change": (
        lambda: configuration(
            seen(batch=4),
            objective=Pinn(points="uniform", batch=20, resample=0),
            weighting=SelfAdaptive(terms="all"),
        ),
        "must be the same in every step",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
