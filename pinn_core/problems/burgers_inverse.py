r"""Burgers' equation u_t + l1 u u_x - l2 u_xx = 0 whose two coefficients are to be found.

Raissi, Perdikaris, Karniadakis, Journal of Computational Physics 378, 2019, part II, section 4.1:
the field is that of ``burgers``, observed at 2 000 random points, the true coefficients are l1 = 1
and l2 = 0.01 / pi. l1 starts at 0; l2 stays positive and starts at exp(-6), near the truth:
``start_viscosity: 1.0`` is the honest test.
"""

from dataclasses import dataclass
from functools import cached_property
from math import exp

from jaxtyping import Float

from pinn_core.checks import above, finite
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.problems.burgers import Burgers
from pinn_core.problems.problem import PROBLEMS
from pinn_core.problems.unknowns import Unknown, Unknowns
from pinn_core.tensors import Tensor

_D = Derivatives("x", "t")


@PROBLEMS.register("burgers_inverse")
@dataclass(frozen=True, kw_only=True)
class BurgersInverse(Burgers):
    """Burgers' equation with unknown ``advection`` (l1) and ``viscosity`` (l2 > 0).

    ``nu`` is the true viscosity. ``rate`` is how much faster than the network the unknowns are
    trained.

    When to use: The standard test of an identification: two coefficients from observations of a
    field with a front. It needs ``data``.

    >>> BurgersInverse().unknowns["advection"].true
    1.0
    """

    start_advection: float = 0.0
    """Where the training of l1 begins."""
    start_viscosity: float = exp(-6)
    """Where the training of l2 begins."""
    rate: float = 1.0
    """How much faster than the network the unknowns are trained."""

    def __post_init__(self) -> None:
        super().__post_init__()
        finite(start_advection=self.start_advection)
        above(0, start_viscosity=self.start_viscosity, rate=self.rate)

    @property
    def unknowns(self) -> Unknowns:
        """The coefficients l1 and l2."""
        return {
            "advection": Unknown(self.start_advection, rate=self.rate, true=1.0),
            "viscosity": Unknown(self.start_viscosity, True, self.rate, self.nu),
        }

    @cached_property
    def operators(self) -> tuple[Operator, ...]:
        """The derivatives u_t, u_x, u_xx."""
        return (_D.t, _D.x, _D.xx)

    def residual(
        self,
        channels: Float[Tensor, "m c n k"],
        points: Float[Tensor, "#m n d"],  # noqa: ARG002
    ) -> Float[Tensor, "m n k"]:
        """u_t + l1 u u_x - l2 u_xx."""
        u, u_t, u_x, u_xx = (channels[:, channel] for channel in range(4))
        advection = self.unknown(channels, "advection")
        viscosity = self.unknown(channels, "viscosity")
        return u_t + advection * u * u_x - viscosity * u_xx
