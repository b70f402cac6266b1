"""What a probe is: one diagnostic of a training, at a cadence of its own."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Evaluation, Objective, Term
from pinn_core.optimizers.optimizer import Optimizer, Products, Settings, State
from pinn_core.parts import Family, Part
from pinn_core.probes.cadence import Cadence
from pinn_core.problems import Problem
from pinn_core.samplers import Batch
from pinn_core.tensors import Tensor

Phases = Sequence[Optimizer]


@dataclass(frozen=True)
class Column:
    """What one column of a probe means, and how many numbers a cell holds.

    A cell of one number is a number, one of several is a list.
    """

    meaning: str
    numbers: int = 1


@dataclass(frozen=True)
class Setup:
    """What a pack trains: the problem on points, and the loss terms."""

    disc: Discretization
    terms: Sequence[Term]


@dataclass(frozen=True)
class Phase:
    """The optimizer at a moment: its members' ``settings``, its state and its own step (from 0).

    Where there is an update, the state is the one that this update left.
    """

    optimizer: Optimizer
    settings: Settings
    state: State
    step: int


@dataclass(frozen=True)
class Moment:
    """What a step knows before its update: where the networks are, and what was evaluated there.

    ``evaluation`` has the loss and the gradient of every term at ``parameters`` on the step's
    points (``batch``), ``weights`` the terms' weights (t, m) in the order of ``setup.terms``,
    ``factors`` those that a weighting gives to single points (m, n), by term. ``update`` is what
    the step adds to the parameters; None at the last row, which no update leaves. ``products`` are
    those with the Hessian of the terms' weighted sum, in float64 and made when they are asked for.
    """

    setup: Setup
    step: int
    parameters: Float[Tensor, "m p"]
    evaluation: Evaluation
    weights: Float[Tensor, "t m"]
    batch: Batch
    factors: Mapping[str, Float[Tensor, "m n"]]
    update: Float[Tensor, "m p"] | None
    phase: Phase
    products: Products


@dataclass(frozen=True)
class ProbeCost:
    """What a measurement takes of a member beside the step: operations, and numbers in memory.

    Estimates, by which packs are sized and studies planned.
    """

    flops: float = 0.0
    numbers: int = 0


class Probe(Part):
    """The base of every probe: a frozen dataclass whose fields are its hyperparameters.

    Its columns are called ``kind/name``. Nothing in it may make one member's numbers depend on
    another's, nor change what a step trains.
    """

    needs_update: ClassVar[bool] = False
    """Whether it looks at the update: then the last row has none of its numbers."""

    @property
    @abstractmethod
    def every(self) -> int:
        """After how many steps it measures again; 0: never."""

    @property
    def cadence(self) -> Cadence:
        """When it measures."""
        return Cadence(self.every)

    def check(self, problem: Problem) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where the problem cannot serve; its grid may be made for this."""
        return

    def check_run(
        self,
        stack: Stack,  # noqa: ARG002
        objective: Objective,  # noqa: ARG002
        phases: Phases,  # noqa: ARG002
    ) -> None:
        """Raise ``ValueError`` where a run with these layers, this loss and these phases cannot."""
        return

    @abstractmethod
    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """The columns by name, without the kind."""

    @abstractmethod
    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """Of every column the numbers of all members, (m,) or (m, numbers)."""

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """What a measurement takes with these layers, where a step has so many points."""
        return ProbeCost()


PROBES: Family[type[Probe]] = Family("probe", Probe)
