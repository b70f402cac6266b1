"""CAGrad: near the mean gradient, the direction that does most for the term it does least for.

Liu, Liu, Jin, Stone, Liu, Conflict-averse gradient descent for multi-task learning, NeurIPS 2021,
equation 3, with g_0 the mean of the gradients:

    max_d min_i g_i . d    where |d - g_0| <= c |g_0|
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation, Settings, Terms
from pinn_core.checks import at_least, below
from pinn_core.vectors.cone import multipliers, subsets
from pinn_core.vectors.gramian import inner, inverse, lengths_of, solved, times


@AGGREGATIONS.register("cagrad", numerics=2)
@dataclass(frozen=True, kw_only=True)
class CAGrad(Aggregation):
    """Conflict-averse gradient descent (Liu et al. 2021), without the later rescaling of its code.

    ``c`` in [0, 1): at 0 it is the mean gradient. The paper takes 0.5 for its toy example, and 0.2
    to 0.5 elsewhere. Solved exactly, over all sets of terms that are served least.

    When to use: Where the mean gradient should be followed, but no term be left behind; ``c`` sets
    how far from the mean it may go.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"c"})

    terms: Terms = "each"
    """What counts as one term: ``each`` of them, or ``two``, the residual and the sum of all
    others."""
    c: float = 0.5
    """Radius of the ball around the mean gradient, in parts of its length, in [0, 1)."""

    def __post_init__(self) -> None:
        at_least(0, c=self.c)
        below(1, c=self.c)

    def weights(
        self,
        settings: Settings,
        gramian: Float[ndarray, "m t t"],
        seeds: Sequence[int],  # noqa: ARG002
        step: int,  # noqa: ARG002
    ) -> Float[ndarray, "m t"]:
        """The best of all points of the ball that may be the maximum.

        They lie on its surface, but for one: where no direction serves all terms, the maximum may
        be zero, and is reached at the direction without conflict that is nearest to the mean.
        """
        mean = np.full(gramian.shape[:2], 1 / gramian.shape[1])
        served = times(gramian, mean)
        radius = settings["c"] * np.sqrt(np.maximum(inner(mean, served), 0.0))
        nearest = multipliers(gramian, served)
        inside = inner(nearest, times(gramian, nearest)) <= radius**2
        candidates = [np.where(inside, nearest, 0.0)]
        for active in subsets(gramian.shape[1]):
            candidates += _on_the_surface(gramian, served, radius, active)
        best, most = mean, _least(gramian, mean)
        for away in candidates:
            value = _least(gramian, mean + away)
            best = np.where(value > most, mean + away, best)
            most = np.where(value > most, value, most)
        return best


def _least(gramian: ndarray, weights: ndarray) -> Float[ndarray, "m 1"]:
    """What the direction does for the term that it does least for; zero gradients do not count."""
    served = np.where(lengths_of(gramian) > 0, times(gramian, weights), np.inf)
    least: ndarray = served.min(axis=1, keepdims=True)
    return least


def _on_the_surface(
    gramian: ndarray, served: ndarray, radius: ndarray, active: list[int]
) -> list[Float[ndarray, "m t"]]:
    """Both v on these terms that serve them alike: (G (w_0 + v))_i = mu and v^T G v = radius^2.

    v = mu G^-1 1 - G^-1 (G w_0), and mu solves a quadratic equation.
    """
    own, before = gramian[:, active][:, :, active], served[:, active]
    ones = np.ones_like(before)
    level, slope = solved(own, ones), solved(own, before)
    squared, mixed, rest = inner(ones, level), inner(ones, slope), inner(before, slope)
    root = np.sqrt(np.maximum(mixed**2 - squared * (rest - radius**2), 0.0))
    found = []
    for sign in (1, -1):
        inside = (mixed + sign * root) * inverse(squared) * level - slope
        length = np.sqrt(np.maximum(inner(inside, times(own, inside)), 0.0))
        away = np.zeros_like(served)
        away[:, active] = inside * radius * inverse(length)
        found.append(away)
    return found
