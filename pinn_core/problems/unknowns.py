"""Coefficients of an inverse problem, which are trained together with the network.

Raissi, Perdikaris, Karniadakis, JCP 378, 2019, part II: parameters of the equation become
parameters of the training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch

if TYPE_CHECKING:
    from pinn_core.problems.problem import Problem

LOOKED_AT = 16
"""Points at which an equation is tried."""


@dataclass(frozen=True)
class Unknown:
    """One trained coefficient: v = start + rate z or, if ``positive``, v = start exp(rate z).

    z is what the optimizer sees, 0 at first, so that under Adam the coefficient (or, if positive,
    its logarithm) has ``rate`` times the learning rate of the network. ``true`` is what it should
    be found to be, where that is known. Raises ``ValueError`` where a number makes no sense.

    >>> Unknown(0.5, true=1.0).error(0.75)
    0.25
    """

    start: float
    positive: bool = False
    rate: float = 1.0
    true: float | None = None

    def __post_init__(self) -> None:
        if self.positive and not self.start > 0:
            raise ValueError(f"start of a positive unknown must be > 0, found {self.start}")
        if not self.rate > 0:
            raise ValueError(f"rate of an unknown must be > 0, found {self.rate}")

    def error(self, value: float) -> float:
        """Relative distance from the true value, absolute where that is 0; NaN if none is known."""
        if self.true is None:
            return float("nan")
        return abs(value - self.true) / (abs(self.true) or 1.0)


Unknowns = Mapping[str, Unknown]


@dataclass(frozen=True)
class Coefficients:
    """The unknowns of a problem as functions of what is trained for them, z (m, u)."""

    unknowns: tuple[Unknown, ...]

    def values(self, z: Float[Tensor, "m u"]) -> Float[Tensor, "m u"]:
        """The coefficients; differentiable by autograd to any order."""
        if not self.unknowns:
            return z
        columns = [
            each.start * (each.rate * own).exp() if each.positive else each.start + each.rate * own
            for each, own in zip(self.unknowns, z.unbind(1), strict=True)
        ]
        return torch.stack(columns, 1)

    def slopes(self, z: Float[Tensor, "m u"]) -> Float[Tensor, "m u"]:
        """Their derivatives by z."""
        columns = [
            each.rate * each.start * (each.rate * own).exp()
            if each.positive
            else torch.full_like(own, each.rate)
            for each, own in zip(self.unknowns, z.unbind(1), strict=True)
        ]
        return torch.stack(columns, 1)


def unused(problem: "Problem") -> list[str]:
    """The unknowns on which the residual does not depend, whatever the networks are."""
    grid = problem.grid().interior.coordinates[:LOOKED_AT]
    points = torch.from_numpy(grid)[None]
    count = 1 + len(problem.operators) + len(problem.unknowns)
    draws = torch.Generator().manual_seed(0)
    shape = (1, count, len(grid), problem.outputs)
    channels = torch.randn(shape, generator=draws, dtype=torch.float64).requires_grad_()
    residual = problem.residual(channels, points)
    (slope,) = torch.autograd.grad(residual.sum(), channels)
    of_unknowns = slope[:, count - len(problem.unknowns) :].abs().sum((0, 2, 3)).tolist()
    return [name for name, size in zip(problem.unknowns, of_unknowns, strict=True) if not size]
