"""From trajectories to knowledge: plateaus, statistics over seeds, rankings and claims.

Reads a study from its store or from MLflow into pandas; never trains.

    >>> import pandas as pd
    >>> from analysis import PlateauRule, find_plateau
    >>> curve = pd.Series([1.0] * 100 + [0.9**k for k in range(100)])
    >>> find_plateau(curve, PlateauRule())
    Plateau(start=0, length=89, censored=False)
"""

from analysis.load import NoRuns, StudyData, from_mlflow, from_store
from analysis.plateau import Plateau, PlateauRule, find_plateau, plateau_of, summary_metrics

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
