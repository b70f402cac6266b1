"""How many directions the residual can move in: the rank of its tangent kernel.

With J the gradients of the residuals r_i at points, gradient flow on the mean of r_i^2 moves the
residuals by -(2/N) K r with K = J J^T. The effective rank of K is exp(-sum p_k ln p_k), p_k the
eigenvalues' shares in their sum (definition 3.1 of arXiv 2410.06308). By that paper's summary a
larger one makes training faster; arXiv 2512.23295 finds that it foretells convergence better than
the condition number, and that a hard constraint's factor can make it collapse. So they predict:
between models the effective rank at step 0 orders the times to a threshold; within a run it rises
before the loss drops.

The paper's points are not known to us: 128 points, drawn once, are ours. ``total`` is the kernel of
what is optimised: the rows of all terms, each times the root of its weight over its number of
points, so that the loss is the sum of the squares of what the rows belong to. It has as many points
as the other, each term an equal part of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Term
from pinn_core.objectives.point_gradients import term_at
from pinn_core.probes.members import by_member
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.probes.spectra import effective_rank, eigenvalues, participation_ratio
from pinn_core.tensors import Tensor, torch

MEANINGS = {
    "effective_rank": "exp of the entropy of the eigenvalues' shares",
    "participation_ratio": "(sum of the eigenvalues)^2 over the sum of their squares",
    "largest": "largest eigenvalue",
    "smallest": "smallest eigenvalue",
}


@PROBES.register("kernel_rank")
@dataclass(frozen=True, kw_only=True)
class KernelRank(Probe):
    """Effective rank, participation ratio and extreme eigenvalues of tangent kernels.

    Of the first term (the residual) at ``points`` of its grid's points, and of all t terms together
    at ``points`` / t of each, or at all where there are no more. In float64: eigenvalues below
    1e-15 of the largest are rounding, and may be negative. Factors that a weighting gives to single
    points do not count.

    When to use: To compare networks, inputs or forms of the conditions by the directions in which
    the residual can move.
    """

    every: int = 1000
    """It is recorded in every so many steps; 0 is never."""
    points: int = 128
    """Points of either kernel."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(2, points=self.points)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """Four for each of the two kernels."""
        return {
            f"{kernel}/{name}": Column(f"{meaning} of the tangent kernel of {of}")
            for kernel, of in {
                setup.terms[0].name: f"loss/{setup.terms[0].name}",
                "total": "what is optimised",
            }.items()
            for name, meaning in MEANINGS.items()
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:
        """Gradients at the points of both kernels with four channels, products, eigenvalues."""
        count = min(self.points, points)
        gradients = (6.0 * 4.0 + 2.0 * 4.0) * 2 * count * stack.size
        kernels = 2.0 * (2.0 * count**2 * stack.size + 4.0 / 3.0 * count**3)
        return ProbeCost(gradients + kernels, 3 * count * stack.size + 3 * count**2)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the gradients of what the terms square."""
        terms, disc, weights = moment.setup.terms, moment.setup.disc, moment.weights
        part = max(1, self.points // len(terms))
        each = [self._some(disc, term, part) for term in terms]
        alone = self._some(disc, terms[0], self.points)

        def spectra(parameters: Tensor, members: Sequence[int]) -> dict[str, Tensor]:
            parameters = parameters.double()
            first, _ = _jacobian(disc, parameters, terms[0], alone.of(members))
            rows = []
            for weight, term, points in zip(weights, terms, each, strict=True):
                table, share = _jacobian(disc, parameters, term, points.of(members))
                factor = weight[list(members), None].to(table) * share / len(points)
                rows.append(table * factor.sqrt()[..., None])
            total = torch.cat(rows, dim=1)
            tables = {terms[0].name: first, "total": total}
            return {name: eigenvalues(table @ table.mT) for name, table in tables.items()}

        found = by_member(moment.parameters, spectra)
        return {
            f"{kernel}/{name}": numbers
            for kernel, spectrum in found.items()
            for name, numbers in {
                "effective_rank": effective_rank(spectrum),
                "participation_ratio": participation_ratio(spectrum),
                "largest": spectrum[:, -1],
                "smallest": spectrum[:, 0],
            }.items()
        }

    def _some(self, disc: Discretization, term: Term, count: int) -> PointSet:
        return term.recorded_points(disc, count).thinned(count, self.kind)


def _jacobian(
    disc: Discretization, parameters: Float[Tensor, "m p"], term: Term, point_set: PointSet
) -> tuple[Float[Tensor, "m r _"], Float[Tensor, "#m r"]]:
    """Gradients of a term's quantities at points, and the share of each in the term's loss."""
    at = term_at(disc, parameters, term, point_set)
    rows = []
    for place in range(at.quantities.shape[2]):
        seed = torch.zeros_like(at.quantities)
        seed[..., place] = 1.0
        rows.append(at.gradients(seed).rows())
    share = term.share(point_set)
    if share is None:
        share = parameters.new_ones(1, len(point_set), 1)
    return torch.cat(rows, dim=1), share.to(parameters).expand(-1, -1, len(rows)).mT.flatten(1)
