"""The residual between the training points against that on them: are the points overfitted?

A network can bring the residual down at its training points and leave it large between them. That
the known failures of PINNs are of this kind is the claim of arXiv 2605.30910, of which we read the
summary. It predicts that the ratio of both residuals rises before the error stops falling. A
plateau on which the ratio is about 1 speaks against it: the residual is then as large on the points
as off them. Daw et al. 2023 (R3, ICML) tell failures of propagation by the skewness and the
kurtosis of the residual, which grow where few points have large residuals among many with small
ones. So these peak before the drop.

The choice of points is ours, and so are the bounds: a ratio of 10 or more for a failure, of 2 or
less for a success.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Objective
from pinn_core.probes.points import points_between
from pinn_core.probes.probe import PROBES, Column, Moment, Phases, Probe, ProbeCost, Setup
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor
from pinn_core.vectors.apart import one_at_a_time

HIGH = 0.99
"""The quantile that stands beside the maximum."""


@PROBES.register("held_out_ratio")
@dataclass(frozen=True, kw_only=True)
class HeldOutRatio(Probe):
    """Sizes of the residual on the step's points (``on``) and at points that are not trained on.

    The size at a point is the root of the sum of its equations' squares. ``off`` has ``density``
    times as many points as the step has inside, ``most`` at most: the midpoints of the grid's
    cells, where training points are farthest away, and beyond those a Latin hypercube; of more
    midpoints than that a fixed part. Where the grid is no lattice all are the hypercube's.

    When to use: To tell a residual that is small at the training points alone from one that is
    small everywhere.
    """

    every: int = 200
    """It is recorded in every so many steps; 0 is never."""
    density: int = 10
    """Points that are not trained on, in parts of the step's points inside."""
    most: int = 16384
    """The most points that are not trained on."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(1, density=self.density)
        at_least(2, most=self.most)

    def check(self, problem: Problem) -> None:
        """Refuse problems whose points all over the domain are not known."""
        if not problem.grid().fills(problem.domain):
            raise ValueError(
                f"problem {problem.kind}: probe {self.kind} needs a grid that fills the domain, "
                "for points between those of the grid, found one that does not"
            )

    def check_run(self, stack: Stack, objective: Objective, phases: Phases) -> None:  # noqa: ARG002
        """Refuse losses without a residual."""
        if not objective.solves:
            raise ValueError(
                f"probe {self.kind} needs a loss of the equation's residual, "
                f"found the objective {objective.kind}"
            )

    def columns(self, setup: Setup) -> Mapping[str, Column]:  # noqa: ARG002
        """Sizes of the residual on and off the points, their ratio, and the shape of the latter."""
        where = {"on": "the step's points", "off": "points between the training points"}
        found: dict[str, Column] = {}
        for name, points in where.items():
            found[name] = Column(f"root mean square residual at {points}")
            found[f"{name}_p99"] = Column(f"size of the residual that 99 % of {points} do not pass")
            found[f"{name}_max"] = Column(f"largest size of the residual at {points}")
        return {
            **found,
            "ratio": Column("off / on"),
            "skewness": Column(f"skewness of the residual's size at {where['off']}"),
            "kurtosis": Column(f"kurtosis of the residual's size at {where['off']}, normal: 3"),
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:
        """Ways forward with four channels at both sets of points."""
        count = points + min(self.density * points, self.most)
        return ProbeCost(2.0 * 4.0 * count * stack.size, 4 * count * (2 + max(stack.widths)))

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the residuals at both sets of points."""
        disc = moment.setup.disc
        on = moment.batch[moment.setup.terms[0].points]
        count = min(self.density * len(on), self.most)
        off = disc.point_set({"coordinates": points_between(disc.problem, count)[None]})
        names = ("", "_p99", "_max")
        found: dict[str, Tensor] = {}
        for name, point_set in {"on": on, "off": off}.items():
            residual = disc.residual(moment.parameters, point_set)[1]
            sizes = residual.double().norm(dim=2)
            numbers = one_at_a_time(_sizes, sizes)
            found |= {f"{name}{end}": each for end, each in zip(names, numbers, strict=False)}
            found["skewness"], found["kurtosis"] = numbers[3:]
        return {**found, "ratio": found["off"] / found["on"]}


def _sizes(sizes: Float[Tensor, "m n"]) -> tuple[Tensor, ...]:
    """Root mean square, quantile, maximum, skewness and kurtosis; NaN where one is."""
    mean = sizes.mean(1, keepdim=True)
    nothing = 0.0 * mean[:, 0]
    rank = ceil(HIGH * sizes.shape[1]) - 1
    high = sizes.sort(dim=1).values[:, rank] + nothing
    rest = sizes - mean
    spread = rest.square().mean(1)
    skewness = rest.pow(3).mean(1) / spread.pow(1.5)
    kurtosis = rest.pow(4).mean(1) / spread.square()
    return sizes.square().mean(1).sqrt(), high, sizes.amax(1) + nothing, skewness, kurtosis
