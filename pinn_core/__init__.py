"""Training of physics-informed networks in packs: one call, one recorded trajectory per member.

>>> from pinn_core import Adam, Configuration, Heat, Member, Mlp, Pinn, Record, train
>>> configuration = Configuration(
...     problem=Heat(points_per_axis=9),
...     network=Mlp(width=16, depth=2, activation="tanh"),
...     objective=Pinn(lambda_b=100.0, batch=128),
...     phases=(Adam(steps=3, learning_rate=1e-3),),
...     record=Record(points=64, gradient_points=32),
... )
>>> first, second = train([Member(configuration, seed=0), Member(configuration, seed=1)])
>>> first.table.num_rows
4
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pinn_core.aggregations import AGGREGATIONS
    from pinn_core.alignments import ALIGNMENTS
    from pinn_core.configuration import Configuration, Record, canonical_json, run_id
    from pinn_core.curricula import STAGES, Curriculum, Marching, Unstaged
    from pinn_core.networks import NETWORKS, Mlp
    from pinn_core.objectives import OBJECTIVES, Pinn, Regression
    from pinn_core.observations import Observations
    from pinn_core.optimizers import OPTIMIZERS, Adam
    from pinn_core.problems import PROBLEMS, Heat
    from pinn_core.records.trajectory import Manifest, Trajectory, TrajectoryError
    from pinn_core.training.checkpoint import Checkpointing
    from pinn_core.training.trainer import Member, environment, train
    from pinn_core.weightings import WEIGHTINGS, Fixed

__all__ = [
    "AGGREGATIONS",
    "ALIGNMENTS",
    "NETWORKS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "PROBLEMS",
    "STAGES",
    "WEIGHTINGS",
    "Adam",
    "Checkpointing",
    "Configuration",
    "Curriculum",
    "Fixed",
    "Heat",
    "Manifest",
    "Marching",
    "Member",
    "Mlp",
    "Observations",
    "Pinn",
    "Record",
    "Regression",
    "Trajectory",
    "TrajectoryError",
    "Unstaged",
    "canonical_json",
    "environment",
    "run_id",
    "train",
]

_WHERE = {
    "AGGREGATIONS": "pinn_core.aggregations",
    "ALIGNMENTS": "pinn_core.alignments",
    "Adam": "pinn_core.optimizers",
    "Checkpointing": "pinn_core.training.checkpoint",
    "Configuration": "pinn_core.configuration",
    "Curriculum": "pinn_core.curricula",
    "Fixed": "pinn_core.weightings",
    "Heat": "pinn_core.problems",
    "Manifest": "pinn_core.records.trajectory",
    "Marching": "pinn_core.curricula",
    "Member": "pinn_core.training.trainer",
    "Mlp": "pinn_core.networks",
    "NETWORKS": "pinn_core.networks",
    "OBJECTIVES": "pinn_core.objectives",
    "Observations": "pinn_core.observations",
    "OPTIMIZERS": "pinn_core.optimizers",
    "PROBLEMS": "pinn_core.problems",
    "Pinn": "pinn_core.objectives",
    "Record": "pinn_core.configuration",
    "Regression": "pinn_core.objectives",
    "STAGES": "pinn_core.curricula",
    "Trajectory": "pinn_core.records.trajectory",
    "TrajectoryError": "pinn_core.records.trajectory",
    "Unstaged": "pinn_core.curricula",
    "WEIGHTINGS": "pinn_core.weightings",
    "canonical_json": "pinn_core.configuration",
    "environment": "pinn_core.training.trainer",
    "run_id": "pinn_core.configuration",
    "train": "pinn_core.training.trainer",
}
"""Names and their modules, which are imported when a name is first asked for."""


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return value
