"""From trajectories to knowledge: plateaus, statistics over seeds, rankings and claims.

Reads a study from its store or from MLflow into pandas; never trains.

    >>> import pandas as pd
    >>> from analysis import PlateauRule, find_plateau
    >>> curve = pd.Series([1.0] * 100 + [0.9**k for k in range(100)])
    >>> find_plateau(curve, PlateauRule())
    Plateau(start=0, length=89, censored=False, again=False)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.load import NoRuns, StudyData, from_mlflow, from_store
    from analysis.plateau import Plateau, find_plateau, plateau_of, summary_metrics
    from analysis.rules import PlateauRule

__all__ = [
    "NoRuns",
    "Plateau",
    "PlateauRule",
    "StudyData",
    "find_plateau",
    "from_mlflow",
    "from_store",
    "plateau_of",
    "summary_metrics",
]

_WHERE = {
    "NoRuns": "analysis.load",
    "Plateau": "analysis.plateau",
    "PlateauRule": "analysis.rules",
    "StudyData": "analysis.load",
    "find_plateau": "analysis.plateau",
    "from_mlflow": "analysis.load",
    "from_store": "analysis.load",
    "plateau_of": "analysis.plateau",
    "summary_metrics": "analysis.plateau",
}
"""Names and their modules, which are imported when a name is first asked for."""


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return value
