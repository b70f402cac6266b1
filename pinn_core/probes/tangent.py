"""Eigenvalues of the neural tangent kernel K = J J^T of every loss term and of all together.

J holds the gradients of what a term squares at its points, without weights (Wang, Yu, Perdikaris
2022, section 3).
"""

from collections.abc import Mapping, Sequence

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives import Term
from pinn_core.objectives.tangent_kernel import jacobian
from pinn_core.tensors import Tensor, torch


def kernel_eigenvalues(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    terms: Sequence[Term],
    point_sets: Mapping[str, PointSet],
    member: int,
) -> dict[str, Float[Tensor, " _"]]:
    """Of one member, falling, float64: by term, and ``total``; NaN where the kernel is not finite.

    ``point_sets`` are the points of each term, by its name.
    """
    tables = {
        term.name: jacobian(disc, parameters, term, point_sets[term.name], member).double()
        for term in terms
    }
    found = {name: _eigenvalues(table) for name, table in tables.items()}
    if len(tables) == 1:
        return {"total": found[next(iter(tables))], **found}
    return {"total": _eigenvalues(torch.cat(list(tables.values()))), **found}


def _eigenvalues(table: Float[Tensor, "q p"]) -> Float[Tensor, " q"]:
    kernel = table @ table.T
    sound = kernel.isfinite().all()
    found = torch.linalg.eigvalsh(torch.where(sound, kernel, 0.0)).flip(0)
    return torch.where(sound, found, torch.nan)
