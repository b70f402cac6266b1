"""How the gradients of the solution at neighbouring points go together: can one learn from another?

A PINN knows the solution on the boundary and has to carry it inwards, from point to point. A step
that changes u at x changes it at x' in proportion to the inner product of du/dtheta at both points.
Where it is small for neighbours, nothing is carried: low gradient correlation of adjacent points is
the failure of propagation of arXiv 2502.00803, whose summary we read; Daw et al. 2023 (R3, ICML)
have the name. So it predicts: on a plateau the correlation along time (or along the axis that leads
away from the condition) is low, the correct solution advances no further where it is below about
0.9 at 1/32 of the axis, and it rises before the loss drops.

The paper's own measure, normalised or not, and the distances are not known to us: cosines, pairs at
1/32 and 1/8 of each axis and the plain mean over points are ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import PointSet
from pinn_core.engine.stack import Stack
from pinn_core.objectives.point_gradients import values_at
from pinn_core.probes.members import by_member
from pinn_core.probes.points import uniform_points
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, torch

DISTANCES = {"1_32": 1 / 32, "1_8": 1 / 8}
"""Between neighbours, in parts of the domain's extent along the axis, by the columns' names."""
TOGETHER = 16
"""Members that share a graph on a GPU."""


@PROBES.register("propagation")
@dataclass(frozen=True, kw_only=True)
class Propagation(Probe):
    """Mean cosine of du/dtheta at neighbouring points, along each axis at two distances.

    ``t/1_32`` is that of pairs 1/32 of the domain apart along t. The first points of the pairs are
    ``points`` midpoints of equal cells or a few more, the second ones lie at larger coordinates, or
    at smaller ones where the domain ends; pairs that do not fit into the domain are left out. Of
    several outputs it is the mean over outputs.

    When to use: Where a solution has to spread from the conditions into the domain, to see along
    which axis it does not.
    """

    every: int = 200
    """It is recorded in every so many steps; 0 is never."""
    points: int = 64
    """Midpoints of equal cells at which pairs begin, at least."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(1, points=self.points)

    def check(self, problem: Problem) -> None:
        """Refuse domains in which no two points are neighbours along some axis."""
        _neighbours(problem, self.points)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """One for each axis and distance."""
        return {
            f"{axis}/{name}": Column(
                f"mean cosine of du/dtheta at points {distance:g} of the domain apart along {axis}"
            )
            for axis in setup.disc.problem.coordinates
            for name, distance in DISTANCES.items()
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """A way forward and one back at all points of all pairs; three axes are assumed."""
        count = self.points * (1 + 3 * len(DISTANCES))
        return ProbeCost(6.0 * count * stack.size, 6 * count * sum(stack.widths))

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the gradients of the solution at the pairs' points."""
        disc = moment.setup.disc
        pairs = _neighbours(disc.problem, self.points)
        tables = {"coordinates": torch.from_numpy(pairs.points)[None].to(disc.device, disc.dtype)}
        left, right = (
            torch.from_numpy(np.concatenate(side)).to(disc.device)
            for side in zip(*pairs.sides.values(), strict=True)
        )
        counts = [len(side) for side, _ in pairs.sides.values()]

        def cosines(parameters: Tensor, members: Sequence[int]) -> dict[str, Tensor]:  # noqa: ARG001
            found = values_at(disc, parameters, PointSet(tables))
            outputs = found.quantities.shape[2]
            means = torch.zeros(
                len(counts), len(parameters), dtype=torch.float64, device=parameters.device
            )
            for output in range(outputs):
                seed = torch.zeros_like(found.quantities)
                seed[..., output] = 1.0
                gradients = found.gradients(seed)
                lengths = gradients.squares().double().sqrt()
                products = gradients.products(left, right).double()
                cosine = products / (lengths[:, left] * lengths[:, right])
                each = [of.mean(1) for of in cosine.split(counts, dim=1)]
                means = means + torch.stack(each) / outputs
            return dict(zip(pairs.sides, means, strict=True))

        return by_member(moment.parameters, cosines, TOGETHER)


@dataclass(frozen=True)
class Pairs:
    """All points, and by column the numbers of both points of every pair."""

    points: Float[ndarray, "n d"]
    sides: Mapping[str, tuple[ndarray, ndarray]]


@lru_cache(maxsize=8)
def _neighbours(problem: Problem, count: int) -> Pairs:
    """Pairs of the domain; raises ``ValueError`` where there are none."""
    firsts = uniform_points(problem, count)
    parts, total, sides = [firsts], len(firsts), {}
    for axis, coordinate in enumerate(problem.coordinates):
        for name, distance in DISTANCES.items():
            step = np.zeros(len(problem.coordinates))
            step[axis] = distance * problem.domain.extent[axis]
            after, before = firsts + step, firsts - step
            ahead = problem.domain.holds(after)
            fits = ahead | problem.domain.holds(before)
            if not fits.any():
                raise ValueError(
                    f"problem {problem.kind}: probe propagation needs points that are "
                    f"{distance:g} of the domain apart along {coordinate}, found none"
                )
            left = np.flatnonzero(fits)
            parts.append(np.where(ahead[:, None], after, before)[left])
            sides[f"{coordinate}/{name}"] = left, total + np.arange(len(left))
            total += len(left)
    return Pairs(np.concatenate(parts), sides)
