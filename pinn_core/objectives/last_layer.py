"""What loss terms square as a function of the last layer: affine where the term is linear."""

from functools import reduce
from operator import add

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives.term import Term
from pinn_core.tensors import Tensor, torch


def by_last_layer(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    term: Term,
    point_set: PointSet,
) -> tuple[Float[Tensor, "m n q"], Float[Tensor, "m n q _"]]:
    """The quantities with a last layer of zeros, and the derivatives by its trained parameters.

    Of a term that is linear in the outputs, all its quantities are the first plus the second times
    the last layer, whatever that is. Made of one way forward, to the last hidden layer.
    """
    points = term.evaluated_at(point_set.coordinates)
    offset, summands = disc.by_last_layer(parameters, points, term.operators)
    quantities, to_channels = term.with_adjoint(offset, point_set)
    rows = []
    for place in range(quantities.shape[2]):
        seed = torch.zeros_like(quantities)
        seed[:, :, place] = 1.0
        adjoint = to_channels(seed)
        pairs = zip(adjoint.unbind(1), summands.unbind(1), strict=True)
        own = reduce(add, (slope[..., None] * each[:, :, None] for slope, each in pairs))
        partners = own.shape[1] // quantities.shape[1]
        if partners > 1:
            own = own.unflatten(1, (-1, partners)).sum(2)
        rows.append(torch.cat([own[..., :-1].flatten(2), own[..., -1]], dim=2))
    return quantities, torch.stack(rows, dim=2) * disc.last_scale(parameters)[:, None, None]
