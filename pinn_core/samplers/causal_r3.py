r"""Retain, resample, release behind a gate in time that opens as the residual falls.

Daw, Bu, Wang, Perdikaris, Karpatne, Mitigating propagation failures in physics-informed neural
networks using retain-resample-release (R3) sampling, ICML 2023, section 4, as in the authors' code.
With the gate g of the time t, which is scaled to [0, 1],

    g(t) = (1 - tanh(a (t - gamma))) / 2,

the loss has mean((g r)^2) in place of the mean of r^2, points with |r_i| g(t_i) above its mean over
the points are retained, and after every step

    gamma <- gamma + eta min(exp(-epsilon mean((g r)^2)), 0.1)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.checks import above, at_least, finite
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import Fresh
from pinn_core.problems import Problem
from pinn_core.samplers.r3 import R3, Retaining
from pinn_core.samplers.sampler import SAMPLERS, Asked, Batch, Batches, Tensors
from pinn_core.tensors import Tensor, torch

GAMMA = "interior/gamma"
"""Of every member, where the gate is half open; what the state calls it."""
LONGEST = 0.1
"""The largest that exp(-epsilon mean((g r)^2)) counts."""


@SAMPLERS.register("causal_r3")
@dataclass(frozen=True, kw_only=True)
class CausalR3(R3):
    """R3 with a gate that lets early times come first (Daw et al. 2023, Causal R3).

    The defaults are those for convection in the authors' code, which has a ``rate`` of 5e-3 for
    Kuramoto and Sivashinsky's equation. The gate is half open at gamma, and shuts later times out:
    from -0.5 it takes 15 000 steps or more until it is half open at the end. ``loss/batch`` is of
    the residual behind the gate, all other losses are of the residual everywhere. Else as ``r3``.

    When to use: For problems in time whose solution has to spread from the start, in long runs.
    """

    steepness: float = 5.0
    """The number a: how sharply the gate divides early times from late ones."""
    start: float = -0.5
    """gamma in the first step."""
    rate: float = 1e-3
    """The number eta: how fast the gate opens; gamma grows by a tenth of it in a step at most."""
    epsilon: float = 20.0
    """How small the residual behind the gate must be before the gate opens."""

    def __post_init__(self) -> None:
        above(0, steepness=self.steepness, rate=self.rate)
        at_least(0, epsilon=self.epsilon)
        finite(start=self.start)

    def check_problem(self, problem: Problem) -> None:
        """Refuse steady problems."""
        if "t" not in problem.coordinates:
            raise ValueError(
                f"points: {self.kind} needs a problem with the time t among its coordinates: "
                f"{problem.kind} is steady, found {', '.join(problem.coordinates)}"
            )

    def batches(
        self, asked: Asked, disc: Discretization, seeds: Sequence[int], state: Tensors
    ) -> Batches:
        """Those of R3, whose points inside know the share that the gate leaves them."""
        fresh = Fresh(disc, "uniform", seeds)
        return _Gated(asked, disc, tuple(seeds), state, fresh, self)


@dataclass(frozen=True)
class _Gated(Retaining):
    sampler: CausalR3

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:
        batch = super().at(step, parameters)
        points = batch["interior"].coordinates
        if GAMMA not in self.state:
            first = torch.full((len(points),), self.sampler.start, dtype=torch.float64)
            self.state[GAMMA] = first.to(points.device)
        share = self._gate(points).square().to(points.dtype)[..., None]
        return {**batch, "interior": PointSet({"coordinates": points, "share": share})}

    def heed(self, squares: Float[Tensor, "m n"]) -> None:
        """Let the gate weigh them, and open it further."""
        behind = self._gate(self.state["interior"]).square() * squares
        super().heed(behind)
        means = torch.stack([own.mean() for own in behind])  # one by one: a pack changes no bit
        opening = (-self.sampler.epsilon * means).exp().clamp_max(LONGEST)
        self.state[GAMMA] += self.sampler.rate * opening

    def _gate(self, points: Float[Tensor, "m n d"]) -> Float[Tensor, "m n"]:
        """G at the points, in float64."""
        domain, axis = self.disc.problem.domain, self.disc.problem.coordinates.index("t")
        times = (points[..., axis].double() - domain.low[axis]) / domain.extent[axis]
        rows = zip(times, self.state[GAMMA], strict=True)
        opened = [torch.tanh(self.sampler.steepness * (own - gamma)) for own, gamma in rows]
        return (1 - torch.stack(opened)) / 2
