"""Random Fourier features: cos(B x) and sin(B x) with B drawn once from N(0, scale^2).

Tancik et al. 2020; for PINNs Wang, Wang, Perdikaris 2021, section 3, without the factor 2 pi, as in
jaxpi.
"""

from dataclasses import dataclass

from pinn_core.checks import MOST_COEFFICIENT, above, at_least, at_most
from pinn_core.engine.features import Features, Wave
from pinn_core.inputs.inputs import INPUTS, MOST_FEATURES, Inputs
from pinn_core.problems import Problem
from pinn_core.randomness import generator

SEED = 0
"""The directions are the same for every run of one size, whatever its own seed."""


@INPUTS.register("fourier", numerics=3)
@dataclass(frozen=True, kw_only=True)
class Fourier(Inputs):
    """``count`` numbers, half of them cosines, half sines, of random directions.

    ``scale`` is the standard deviation of an entry of B, in radians per unit of the coordinate.
    All runs have the same B up to ``scale``: members of a pack share their input, and seeds differ
    in the network alone.

    When to use: Where the solution has high frequencies that a plain network learns late. ``scale``
    must fit them: too large a one fits noise between the points.
    """

    count: int = 64
    """How many numbers the network is given, even: half cosines, half sines."""
    scale: float = 1.0
    """Standard deviation of an entry of B, in radians per unit of the coordinate."""

    def __post_init__(self) -> None:
        at_least(2, count=self.count)
        at_most(MOST_FEATURES, count=self.count)
        above(0, scale=self.scale)
        at_most(MOST_COEFFICIENT, scale=self.scale)
        if self.count % 2:
            raise ValueError(f"count must be even, found {self.count}")

    def features(self, problem: Problem) -> Features:
        """All cosines, then the sines of the same directions."""
        half, dimension = self.count // 2, len(problem.coordinates)
        rng = generator(SEED, f"inputs/fourier/{half}x{dimension}")
        drawn = self.scale * rng.standard_normal((half, dimension))
        directions = tuple(tuple(row) for row in drawn.tolist())
        waves: list[Wave] = ["cos"] * half
        waves += ["sin"] * half
        return Features(directions * 2, (0.0,) * self.count, tuple(waves))
