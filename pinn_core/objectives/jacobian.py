"""Jacobians of what loss terms square, for a whole pack: a gradient for every quantity."""

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives.term import Term
from pinn_core.tensors import Tensor, torch


def with_jacobian(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    term: Term,
    point_set: PointSet,
) -> tuple[Float[Tensor, "m n q"], Float[Tensor, "m n q size"]]:
    """The quantities at the points, and their derivatives by all trained parameters.

    One way forward, and for each of a point's quantities one back. The parameters' padding is left
    out of the derivatives.
    """
    linearization = term.linearize(disc, parameters, point_set.coordinates, by_points=True)
    quantities, to_channels = term.with_adjoint(linearization.channels, point_set)
    points = quantities.shape[1]
    rows = []
    for place in range(quantities.shape[2]):
        seed = torch.zeros_like(quantities)
        seed[:, :, place] = 1.0
        own = linearization.reverse(to_channels(seed))
        partners = own.shape[1] // points
        rows.append(own if partners == 1 else own.unflatten(1, (points, partners)).sum(2))
    table = rows[0][:, :, None] if len(rows) == 1 else torch.stack(rows, dim=2)
    return quantities, table
