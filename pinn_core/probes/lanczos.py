"""Lanczos' tridiagonal matrices: extreme eigenvalues, and a quadrature of the spectrum.

From a start v, k products with H give T = Q^T H Q. Its extreme eigenvalues approach those of H;
its eigenvalues with the squares of its eigenvectors' first components are nodes and weights of
Gauss' rule for v^T f(H) v, whose mean over random v is the spectral density (Golub and Meurant
1994; Ghorbani, Krishnan, Xiao 2019). Vectors are kept and made orthogonal to all before, twice, so
that no eigenvalue comes again.

``scipy.sparse.linalg.eigsh`` gives no such weights and takes one member at a time on the host.
"""

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from pinn_core.probes.hessian import Product
from pinn_core.tensors import Tensor, torch

EXHAUSTED = 1e-12
"""A next vector this short, against the matrix so far, is rounding: the space holds no more."""


def lanczos(
    product: Product, start: Float[Tensor, "m p"], steps: int
) -> tuple[Float[Tensor, "m k"], Float[Tensor, "m k"]]:
    """Diagonal and off-diagonal of T for every member; the last off-diagonal leads out of T.

    Where the Krylov space is exhausted both go on as zeros. ``start`` must not be zero.
    """
    diagonal, beside, _ = krylov(product, start, steps)
    return diagonal, beside


def krylov(
    product: Product, start: Float[Tensor, "m p"], steps: int
) -> tuple[Float[Tensor, "m k"], Float[Tensor, "m k"], Float[Tensor, "m k p"]]:
    """What ``lanczos`` gives, and the rows of Q^T."""
    vector = start / _length(start)
    basis: list[Tensor] = []
    diagonal, beside = [], []
    scale = torch.zeros_like(vector[:, :1])
    for _ in range(steps):
        basis.append(vector)
        following = product(vector)
        diagonal.append(_inner(following, vector))
        for _again in range(2):
            for known in basis:
                following = following - _inner(following, known) * known
        length = _length(following)
        scale = scale + diagonal[-1].square() + length.square()
        going = length > EXHAUSTED * scale.sqrt()
        beside.append(torch.where(going | length.isnan(), length, 0.0))
        vector = torch.where(beside[-1] == 0, 0.0, following / length)
    return torch.cat(diagonal, dim=1), torch.cat(beside, dim=1), torch.stack(basis, dim=1)


def _inner(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(1, keepdim=True)


def _length(vector: Tensor) -> Tensor:
    return _inner(vector, vector).sqrt()


def quadrature(
    diagonal: Float[ndarray, " k"], beside: Float[ndarray, " k"]
) -> tuple[Float[ndarray, " k"], Float[ndarray, " k"]]:
    """Nodes, ascending, and weights, which sum to 1; NaN where T is not finite."""
    if not (np.isfinite(diagonal).all() and np.isfinite(beside).all()):
        nothing = np.full_like(diagonal, np.nan)
        return nothing, nothing
    nodes, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside[:-1])
    return nodes, vectors[0] ** 2


def largest(diagonal: Float[ndarray, " k"], beside: Float[ndarray, " k"]) -> float:
    """The largest eigenvalue, without the zeros that stand for an exhausted space."""
    count = reached(beside)
    return float(quadrature(diagonal[:count], beside[:count])[0][-1])


def reached(beside: Float[ndarray, " k"]) -> int:
    """The dimension of the Krylov space, which zeros follow where it is exhausted."""
    ends = np.flatnonzero(beside[:-1] == 0)
    return len(beside) if len(ends) == 0 else int(ends[0]) + 1
