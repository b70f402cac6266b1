"""Studies of how physics-informed networks train: the public names, each imported when first used.

Train one configuration and look at its trajectory:

>>> import pinn_sweeps as ps
>>> configuration = ps.Configuration(
...     problem=ps.Heat(points_per_axis=8),
...     network=ps.Mlp(width=8, depth=1),
...     objective=ps.Pinn(lambda_b=100.0),
...     phases=(ps.Adam(steps=3),),
... )
>>> ps.train(configuration, seed=0).table.num_rows
4

A part of one's own (a problem, a network, an activation, a weighting, an optimizer, ...) inherits
from the base of its family and is registered there, in a file that the study names as a plugin:

>>> from dataclasses import dataclass
>>> @ps.WEIGHTINGS.register("halved")
... @dataclass(frozen=True, kw_only=True)
... class Halved(ps.Weighting):
...     "Half of every weight that the objective gives."
...     def start(self, sizes, weights):
...         weights *= 0.5
...         return {}
>>> Halved().identity()
{'kind': 'halved'}
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.load import NoRuns as NoRuns
    from analysis.load import StudyData as StudyData
    from analysis.plateau import Plateau as Plateau
    from analysis.plateau import find_plateau as find_plateau
    from analysis.rules import PlateauRule as PlateauRule
    from pinn_core.aggregations import AGGREGATIONS as AGGREGATIONS
    from pinn_core.aggregations import Aggregation as Aggregation
    from pinn_core.aggregations import Sum as Sum
    from pinn_core.alignments import ALIGNMENTS as ALIGNMENTS
    from pinn_core.alignments import Alignment as Alignment
    from pinn_core.configuration import Configuration as Configuration
    from pinn_core.configuration import Record as Record
    from pinn_core.configuration import run_id as run_id
    from pinn_core.curricula import STAGES as STAGES
    from pinn_core.curricula import Stages as Stages
    from pinn_core.discretization.discretization import Discretization as Discretization
    from pinn_core.discretization.discretization import PointSet as PointSet
    from pinn_core.discretization.sampling import Fresh as Fresh
    from pinn_core.engine.activations import ACTIVATIONS as ACTIVATIONS
    from pinn_core.engine.activations import by_autograd as by_autograd
    from pinn_core.engine.operators import Derivatives as Derivatives
    from pinn_core.engine.operators import Operator as Operator
    from pinn_core.engine.stack import Stack as Stack
    from pinn_core.geometry import BoundaryPart as BoundaryPart
    from pinn_core.geometry import Disc as Disc
    from pinn_core.geometry import Polygon as Polygon
    from pinn_core.geometry import Region as Region
    from pinn_core.geometry import Shape as Shape
    from pinn_core.geometry import difference as difference
    from pinn_core.geometry import intersection as intersection
    from pinn_core.geometry import union as union
    from pinn_core.inputs import INPUTS as INPUTS
    from pinn_core.inputs import Inputs as Inputs
    from pinn_core.networks import NETWORKS as NETWORKS
    from pinn_core.networks import Mlp as Mlp
    from pinn_core.networks import ModuleNetwork as ModuleNetwork
    from pinn_core.networks import Network as Network
    from pinn_core.objectives import OBJECTIVES as OBJECTIVES
    from pinn_core.objectives import Objective as Objective
    from pinn_core.objectives import Pinn as Pinn
    from pinn_core.objectives import Regression as Regression
    from pinn_core.observations import Observations as Observations
    from pinn_core.optimizers import LBFGS as LBFGS
    from pinn_core.optimizers import OPTIMIZERS as OPTIMIZERS
    from pinn_core.optimizers import Adam as Adam
    from pinn_core.optimizers import Optimizer as Optimizer
    from pinn_core.optimizers import StepContext as StepContext
    from pinn_core.optimizers.optimizer import StepCost as StepCost
    from pinn_core.parts import FAMILIES as FAMILIES
    from pinn_core.parts import Family as Family
    from pinn_core.parts import Part as Part
    from pinn_core.prediction import Solution as Solution
    from pinn_core.probes import PROBES as PROBES
    from pinn_core.probes import Column as Column
    from pinn_core.probes import Moment as Moment
    from pinn_core.probes import Probe as Probe
    from pinn_core.problems import PROBLEMS as PROBLEMS
    from pinn_core.problems import Box as Box
    from pinn_core.problems import Combination as Combination
    from pinn_core.problems import Condition as Condition
    from pinn_core.problems import Conditions as Conditions
    from pinn_core.problems import Grid as Grid
    from pinn_core.problems import Hard as Hard
    from pinn_core.problems import Heat as Heat
    from pinn_core.problems import Points as Points
    from pinn_core.problems import Problem as Problem
    from pinn_core.problems import Segment as Segment
    from pinn_core.problems import Unknown as Unknown
    from pinn_core.problems import neumann as neumann
    from pinn_core.problems import robin as robin
    from pinn_core.problems.clipped import clipped as clipped
    from pinn_core.problems.clipped import clipped_size as clipped_size
    from pinn_core.problems.lattice import lattice as lattice
    from pinn_core.problems.lattice import mesh as mesh
    from pinn_core.problems.promises import BrokenPromise as BrokenPromise
    from pinn_core.problems.scattered import scattered as scattered
    from pinn_core.records.trajectory import Trajectory as Trajectory
    from pinn_core.records.trajectory import TrajectoryError as TrajectoryError
    from pinn_core.samplers import SAMPLERS as SAMPLERS
    from pinn_core.samplers import Asked as Asked
    from pinn_core.samplers import Sampler as Sampler
    from pinn_core.weightings import WEIGHTINGS as WEIGHTINGS
    from pinn_core.weightings import Fixed as Fixed
    from pinn_core.weightings import View as View
    from pinn_core.weightings import Weighting as Weighting
    from pinn_sweeps.results import StudyResults as StudyResults
    from pinn_sweeps.results import TrainedRun as TrainedRun
    from pinn_sweeps.verbs import compare as compare
    from pinn_sweeps.verbs import export as export
    from pinn_sweeps.verbs import load as load
    from pinn_sweeps.verbs import plan as plan
    from pinn_sweeps.verbs import run as run
    from pinn_sweeps.verbs import train as train
    from sweeps.errors import StudyError as StudyError
    from sweeps.study.study import load_study as load_study

_WHERE = {
    "analysis.load": ("NoRuns", "StudyData"),
    "analysis.plateau": ("Plateau", "find_plateau"),
    "analysis.rules": ("PlateauRule",),
    "pinn_core.aggregations": ("AGGREGATIONS", "Aggregation", "Sum"),
    "pinn_core.alignments": ("ALIGNMENTS", "Alignment"),
    "pinn_core.configuration": ("Configuration", "Record", "run_id"),
    "pinn_core.curricula": ("STAGES", "Stages"),
    "pinn_core.discretization.discretization": ("Discretization", "PointSet"),
    "pinn_core.discretization.sampling": ("Fresh",),
    "pinn_core.engine.activations": ("ACTIVATIONS", "by_autograd"),
    "pinn_core.engine.operators": ("Derivatives", "Operator"),
    "pinn_core.engine.stack": ("Stack",),
    "pinn_core.geometry": (
        *("BoundaryPart", "Disc", "Polygon", "Region", "Shape"),
        *("difference", "intersection", "union"),
    ),
    "pinn_core.inputs": ("INPUTS", "Inputs"),
    "pinn_core.networks": ("NETWORKS", "Mlp", "ModuleNetwork", "Network"),
    "pinn_core.objectives": ("OBJECTIVES", "Objective", "Pinn", "Regression"),
    "pinn_core.observations": ("Observations",),
    "pinn_core.optimizers": ("LBFGS", "OPTIMIZERS", "Adam", "Optimizer", "StepContext"),
    "pinn_core.optimizers.optimizer": ("StepCost",),
    "pinn_core.parts": ("FAMILIES", "Family", "Part"),
    "pinn_core.prediction": ("Solution",),
    "pinn_core.probes": ("PROBES", "Column", "Moment", "Probe"),
    "pinn_core.problems": (
        *("PROBLEMS", "Box", "Combination", "Condition", "Conditions", "Grid", "Hard", "Heat"),
        *("Points", "Problem", "Segment", "Unknown", "neumann", "robin"),
    ),
    "pinn_core.problems.clipped": ("clipped", "clipped_size"),
    "pinn_core.problems.lattice": ("lattice", "mesh"),
    "pinn_core.problems.promises": ("BrokenPromise",),
    "pinn_core.problems.scattered": ("scattered",),
    "pinn_core.records.trajectory": ("Trajectory", "TrajectoryError"),
    "pinn_core.samplers": ("SAMPLERS", "Asked", "Sampler"),
    "pinn_core.weightings": ("WEIGHTINGS", "Fixed", "View", "Weighting"),
    "pinn_sweeps.results": ("StudyResults", "TrainedRun"),
    "pinn_sweeps.verbs": ("compare", "export", "load", "plan", "run", "train"),
    "sweeps.errors": ("StudyError",),
    "sweeps.study.study": ("load_study",),
}
"""Modules, and the public names that they hold."""

_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
