"""The regression objective: the same network fitted to the numerical solution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization
from pinn_core.discretization.sampling import draw, draw_ahead
from pinn_core.objectives.objective import OBJECTIVES, Objective
from pinn_core.objectives.term import FIT, Term
from pinn_core.objectives.terms import fit_term, problem_terms
from pinn_core.samplers import Ahead, Batch
from pinn_core.samplers.sampler import Tensors
from pinn_core.tensors import Tensor


@dataclass(frozen=True)
class _GridBatches:
    """Points of the whole grid: all, or drawn anew each step."""

    disc: Discretization
    seeds: Sequence[int]
    batch: int | Literal["full"]

    @property
    def fixed(self) -> bool:
        """Whether it is the whole grid."""
        return self.batch == "full"

    def at(self, step: int, parameters: Tensor | None = None) -> Batch:  # noqa: ARG002
        """This step's points."""
        if self.batch == "full":
            return {"grid": self.disc.grid}
        return {"grid": draw(self.disc.grid, self.batch, self.seeds, "batch/grid", step)}

    def ahead(self, step: int) -> Mapping[str, Ahead]:
        """The points of this step and those after it."""
        if self.batch == "full":
            return {"grid": Ahead(self.disc.grid)}
        rows = draw_ahead(self.disc.grid, self.batch, self.seeds, "batch/grid", step)
        return {"grid": Ahead(self.disc.grid, rows)}


@OBJECTIVES.register("regression")
@dataclass(frozen=True, kw_only=True)
class Regression(Objective):
    """L = mean (or sum) over the grid of squared differences from the numerical solution.

    ``l2`` as in ``pinn``.

    When to use: Beside a PINN of the same shape: what it learns slowly, too, is not the equation's
    fault.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"l2"})
    solves: ClassVar[bool] = False

    batch: int | Literal["full"] = 512
    """How many points of the grid a step takes; ``full``: all."""
    reduction: Literal["mean", "sum"] = "mean"
    """Whether the loss is the mean over the points, or the sum."""
    l2: float = field(default=0.0, metadata={"since": 2})
    """Factor of the sum of squares of the weights, as in ``pinn``."""

    def __post_init__(self) -> None:
        if self.batch != "full":
            at_least(1, batch=self.batch)
        at_least(0, l2=self.l2)

    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        """The one that fits the numerical solution."""
        return (fit_term(disc),)

    def compared_terms(self, disc: Discretization) -> tuple[Term, ...]:
        """The problem's, to see what a network that does not solve it makes of them."""
        return problem_terms(disc)

    def weights(self, disc: Discretization) -> Mapping[str, float]:
        """One, or for sums the points of the grid."""
        return {FIT: 1.0 if self.reduction == "mean" else float(len(disc.grid))}

    def batches(
        self,
        disc: Discretization,
        seeds: Sequence[int],
        state: Tensors | None = None,  # noqa: ARG002
    ) -> _GridBatches:
        """Points of the whole grid."""
        return _GridBatches(disc, seeds, self.batch)
