"""Randomised Nystrom approximation of a Hessian, and the preconditioner that it makes.

Frangella, Tropp and Udell, Randomized Nystrom preconditioning, SIAM J. Matrix Anal. Appl. 44
(2023), algorithm 2.1 and equation 1.3; for Hessians that are not positive as in Rathore et al.
2024, appendix E. With orthonormal rows Q and Y = Q H the approximation is U^T diag(lambda) U.
"""

from math import sqrt

from jaxtyping import Float

from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import combined, inner


def probes(seed: int, step: int, rank: int, like: Float[Tensor, " p"]) -> Float[Tensor, "r p"]:
    """Orthonormal rows, min(rank, p) of them, that span a random space."""
    rng = generator(seed, f"nystrom/{rank}/{len(like)}", step)
    drawn = rng.standard_normal((rank, len(like)))[: len(like)]
    columns: Tensor = torch.linalg.qr(torch.from_numpy(drawn.T.copy()).clone())[0]
    return columns.T.to(like).contiguous()


def nystrom(
    rows: Float[Tensor, "r p"], images: Float[Tensor, "r p"]
) -> tuple[Float[Tensor, "r p"], Float[Tensor, " r"]]:
    """U and lambda (float64, from the largest), from orthonormal rows Q and Y = Q H.

    H is shifted by the rounding of Y, and where Q H Q^T has negative eigenvalues by the lowest
    besides; the shift is taken off lambda, which is at least 0. Where Y is zero or not finite
    nothing is approximated: both are zero.
    """
    own, products = rows.double(), images.double()
    nothing = torch.zeros_like(rows), own.new_zeros(len(own))
    length = float(torch.linalg.vector_norm(products))
    if not 0 < length < float("inf"):
        return nothing
    lowest = float(torch.linalg.eigvalsh(_symmetric(products @ own.T))[0])
    rounding = torch.finfo(images.dtype).eps * sqrt(rows.shape[1]) * length
    shift = rounding + max(0.0, -lowest)
    shifted = products + shift * own
    root, failed = torch.linalg.cholesky_ex(_symmetric(shifted @ own.T))
    if int(failed):  # the lowest, now as small as the rounding, came out below 0
        return nothing
    factor = torch.linalg.solve_triangular(root, shifted, upper=False)
    _, singular, basis = torch.linalg.svd(factor, full_matrices=False)
    return basis.to(rows.dtype), (singular.square() - shift).clamp_min(0.0)


def _symmetric(core: Float[Tensor, "r r"]) -> Float[Tensor, "r r"]:
    return (core + core.T) / 2


def preconditioned(
    basis: Float[Tensor, "r p"],
    eigenvalues: Float[Tensor, " r"],
    mu: float,
    vector: Float[Tensor, " p"],
    backend: str = "auto",
) -> Float[Tensor, " p"]:
    """(lambda_r + mu) U^T (Lambda + mu)^-1 U v + (1 - U^T U) v, with lambda_r the smallest."""
    values = eigenvalues.cpu().numpy()
    factors = (values[-1] + mu) / (values + mu) - 1
    along = inner(basis, vector, backend)
    return vector + combined(basis, (factors * along).tolist())
