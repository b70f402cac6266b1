"""The three sizes that the tables speak of."""

from dataclasses import dataclass
from typing import Any

from benchmarks.subset import HeatSubset
from benchmarks.training import WARM_UP
from pinn_core import Adam, Configuration, Mlp, Pinn


@dataclass(frozen=True)
class Size:
    """A network of ``depth`` hidden layers and the points of its full batch."""

    name: str
    width: int
    depth: int
    interior: int
    boundary: int

    @property
    def floor(self) -> int:
        """Floating point operations that both gradients of one run cannot do without.

        Four channels (value, two derivatives, residual) forward and twice backward through each
        product between hidden layers at interior points, one channel at boundary points.
        """
        product = self.width**2 * (self.depth - 1)
        return 24 * product * self.interior + 6 * product * self.boundary

    def configuration(self, activation: Any, steps: int) -> Configuration:  # noqa: ANN401
        """A training that can be timed over ``steps`` steps: full batch, Adam, default record."""
        return Configuration(
            problem=HeatSubset(interior=self.interior, boundary=self.boundary),
            network=Mlp(width=self.width, depth=self.depth, activation=activation),
            objective=Pinn(),
            phases=(Adam(steps=WARM_UP + steps),),
        )


SMALL = Size("small", 32, 2, 128, 32)
MID = Size("mid", 128, 3, 512, 128)
LARGE = Size("large", 256, 4, 14_400, 3_176)
