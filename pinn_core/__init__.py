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

from pinn_core.aggregations import AGGREGATIONS
from pinn_core.alignments import ALIGNMENTS
from pinn_core.configuration import Configuration, Record, canonical_json, run_id
from pinn_core.curricula import STAGES, Curriculum, Marching, Unstaged
from pinn_core.networks import NETWORKS, Mlp
from pinn_core.objectives import OBJECTIVES, Pinn, Regression
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
