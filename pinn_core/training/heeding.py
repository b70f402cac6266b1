"""How a sampler hears of the residuals that a step finds anyway."""

from torch import Tensor

from pinn_core.objectives.term import RESIDUAL, Factors
from pinn_core.samplers import Batches, Heeding


def heeded(batches: Batches, factors: Factors) -> Factors:
    """The same factors of points; asking for the residual's tells batches that heed it."""
    if not isinstance(batches, Heeding):
        return factors

    def asked(name: str, squares: Tensor, points: Tensor) -> Tensor | None:
        if name == RESIDUAL:
            batches.heed(squares)
        return factors(name, squares, points)

    return asked
