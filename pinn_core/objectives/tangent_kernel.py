"""The neural tangent kernel of a pack's loss terms: Jacobians of what is squared, and traces.

For a term with quantities q_i (residuals at points, values at a boundary), K = J J^T with
J = d q / d theta (Wang, Yu, Perdikaris 2022, section 3). A point is given to the engine as a member
of its own, so that its gradient comes alone.
"""

from collections.abc import Sequence

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives import Batch
from pinn_core.objectives.term import Term
from pinn_core.tensors import Tensor, torch

AT_ONCE = 1 << 24
"""Numbers of Jacobians that are made at once: 64 MiB in float32."""


def jacobian(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    term: Term,
    point_set: PointSet,
    member: int,
) -> Float[Tensor, "q p"]:
    """Gradients of one member's quantities, point after point."""
    rows = []
    for part in point_set.of([member]).one_by_one(max(1, AT_ONCE // parameters.shape[1])):
        own = parameters[member].expand(len(part.coordinates), -1)
        found, back = term.quantities(disc, own, part)
        for place in range(found.shape[2]):
            seed = torch.zeros_like(found)
            seed[:, :, place] = 1.0
            rows.append(back(seed))
    return torch.cat(rows)


def traces(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    batch: Batch,
    terms: Sequence[Term],
    probes: int | None,
) -> Float[Tensor, "t m"]:
    """Trace of K for every term and member: exact for None, else from so many random probes.

    A probe is a vector of random signs; the mean of |J^T v|^2 over probes is unbiased (Hutchinson
    1990). The signs are the same for all members.
    """
    by_term = parameters.new_zeros(len(terms), parameters.shape[0], dtype=torch.float64)
    for row, term in enumerate(terms):
        point_set = batch[term.points]
        by_term[row] = (
            _exact(disc, parameters, term, point_set)
            if probes is None
            else _estimated(disc, parameters, term, point_set, probes)
        )
    return by_term


def _exact(disc: Discretization, parameters: Tensor, term: Term, point_set: PointSet) -> Tensor:
    tables = [jacobian(disc, parameters, term, point_set, i) for i in range(parameters.shape[0])]
    return torch.stack([table.square().sum(1, dtype=torch.float64).sum() for table in tables])


def _estimated(
    disc: Discretization, parameters: Tensor, term: Term, point_set: PointSet, probes: int
) -> Tensor:
    found, back = term.quantities(disc, parameters, point_set)
    signs = torch.Generator().manual_seed(len(point_set))
    total = parameters.new_zeros(parameters.shape[0], dtype=torch.float64)
    for _ in range(probes):
        probe = torch.randint(0, 2, (1, *found.shape[1:]), generator=signs) * 2.0 - 1.0
        gradient = back(probe.to(found).expand_as(found).contiguous())
        total += gradient.square().sum(1, dtype=torch.float64)
    return total / probes
