"""What a sampler is: where the points of every step come from."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeGuard, runtime_checkable

from jaxtyping import Float, Int

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.parts import Family, Part, stands_for
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor

Batch = Mapping[str, PointSet]
"""Points by name: ``interior``, and those of every condition."""
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Asked:
    """What an objective asks for.

    ``batch`` points inside the domain (or among the grid's), ``condition_batch`` on each segment
    of a condition, others every ``resample`` steps; 0 keeps the first.
    """

    batch: int | Literal["full"] = "full"
    condition_batch: int | None = None
    resample: int = 1

    @property
    def on_segments(self) -> int:
        """Points of a segment: as many as inside, unless something else is asked."""
        return self.condition_batch or int(self.batch)

    def drawing(self, step: int) -> int:
        """How often points were drawn before those of ``step``."""
        return step // self.resample if self.resample else 0


@runtime_checkable
class Batches(Protocol):
    """The batches of a pack, step by step."""

    @property
    def fixed(self) -> bool:
        """Whether every step has the same points."""

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:
        """The points of this step, at whose beginning the networks have these parameters.

        A sampler that looks at the networks needs them where new points are due.
        """


@dataclass(frozen=True)
class Ahead:
    """Points that are known for some steps: those of a set, or in every step the rows chosen."""

    point_set: PointSet
    rows: Int[Tensor, "steps m n"] | None = None

    @property
    def count(self) -> int:
        """Points of a step."""
        return len(self.point_set) if self.rows is None else self.rows.shape[2]


@runtime_checkable
class Foreseeing(Protocol):
    """Batches that know the points of steps to come, so that these can be made in one call."""

    def ahead(self, step: int) -> Mapping[str, Ahead]:
        """The points of ``at`` for this step and some after it, as many as are known for free.

        A later step may have another set, of as many points; one that is the same object is not
        read again.
        A class that inherits this and has an ``at`` of its own is asked for that.
        """


def foresees(batches: Batches) -> TypeGuard[Foreseeing]:
    """Whether batches know the points of steps to come, and say of themselves which."""
    return isinstance(batches, Foreseeing) and stands_for(batches, "ahead", "at")


@runtime_checkable
class Heeding(Protocol):
    """Batches that are told the residuals which a step has found anyway."""

    def heed(self, squares: Float[Tensor, "m n"]) -> None:
        """The residuals' squared lengths at the points that ``at`` gave last."""


class Sampler(Part):
    """The base of every point sampler: a frozen dataclass whose fields are its hyperparameters.

    What is drawn is keyed by seed, purpose and step; nothing in it may make one member's points
    depend on another's.
    """

    on_grid: ClassVar[bool] = False
    """Whether it takes the grid's points, and a full batch is one of its batches."""

    def check(self, asked: Asked) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where it cannot give what is asked for."""
        return

    def check_problem(self, problem: Problem) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where it cannot serve this problem."""
        return

    @abstractmethod
    def batches(
        self, asked: Asked, disc: Discretization, seeds: Sequence[int], state: Tensors
    ) -> Batches:
        """The batches of members with these seeds.

        ``state`` is empty at first. What a sampler keeps in it, by name and with a leading m, is
        checkpointed and loses the rows of members that end early.
        """


SAMPLERS: Family[type[Sampler]] = Family("point sampler", Sampler, "points")
