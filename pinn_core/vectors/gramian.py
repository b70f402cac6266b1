"""Inner products of a pack's gradients, and equations with them, member by member alike.

The matrices are tiny (a row for each loss term): numpy, in float64, with sums in a fixed order, so
that a member's numbers do not depend on its pack.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots

CUTOFF = 1e-13
"""Eigenvalues of a correlation matrix below this part of the largest count as zero."""
ROUNDING = 1e-6
"""Cosines no larger than this count as zero: so much is rounding of gradients in float32."""


def gramian_of(
    left: Sequence[Float[Tensor, "m p"]],
    right: Sequence[Float[Tensor, "m p"]],
    backend: str = "auto",
) -> Float[Tensor, "m t t"]:
    """Inner products of left[i] and right[j], a symmetric matrix (right may be a metric's rows)."""
    count = len(left)
    pairs = [(i, j) for i in range(count) for j in range(i, count)]
    products = dots([left[i] for i, _ in pairs], [right[j] for _, j in pairs], backend)
    places = [pairs.index((min(i, j), max(i, j))) for i in range(count) for j in range(count)]
    return torch.stack([products[place] for place in places], dim=1).view(-1, count, count)


def combined(
    weights: Float[ndarray, "m t"], gradients: Sequence[Float[Tensor, "m p"]]
) -> Float[Tensor, "m p"]:
    """The gradients' sum with every member's weights, made and returned in float64."""
    own = torch.from_numpy(weights).to(gradients[0].device)[..., None]
    total = own[:, 0] * gradients[0].double()
    for place, gradient in enumerate(gradients[1:], start=1):
        total.addcmul_(own[:, place], gradient.double())
    return total


def weights_by(
    rule: Callable[[Float[ndarray, "m t t"]], Float[ndarray, "m t"]],
    gramian: Float[Tensor, "m t t"],
) -> Float[ndarray, "m t"]:
    """What a rule makes of inner products; NaN for members with one that is not finite."""
    found = gramian.cpu().numpy()
    sound = np.isfinite(found).all(axis=(1, 2))
    found = np.where(sound[:, None, None], found, np.eye(found.shape[1]))
    with np.errstate(all="ignore"):  # after a divergence there is anything
        return np.where(sound[:, None], rule(found), np.nan)


def times(matrix: Float[ndarray, "m i j"], vector: Float[ndarray, "m j"]) -> Float[ndarray, "m i"]:
    """Every member's matrix times its vector."""
    total: ndarray = matrix[:, :, 0] * vector[:, :1]
    for place in range(1, vector.shape[1]):
        total = total + matrix[:, :, place] * vector[:, place, None]
    return total


def inner(left: Float[ndarray, "m t"], right: Float[ndarray, "m t"]) -> Float[ndarray, "m 1"]:
    """Every member's inner product of two short vectors."""
    return times(left[:, None], right)


def lengths_of(gramian: Float[ndarray, "m t t"]) -> Float[ndarray, "m t"]:
    """Lengths of the gradients."""
    lengths: ndarray = np.sqrt(gramian.diagonal(axis1=1, axis2=2))
    return lengths


def inverse(numbers: Float[ndarray, "m t"]) -> Float[ndarray, "m t"]:
    """One over each number, and zero for zero."""
    found: ndarray = np.divide(1.0, numbers, out=np.zeros_like(numbers), where=numbers != 0)
    return found


def correlation_of(gramian: Float[ndarray, "m t t"]) -> Float[ndarray, "m t t"]:
    """Inner products of the gradients' directions; a gradient of length zero has none."""
    scale = inverse(lengths_of(gramian))
    found: ndarray = gramian * scale[:, :, None] * scale[:, None, :]
    return found


def spectrum_of(
    gramian: Float[ndarray, "m t t"],
) -> tuple[Float[ndarray, "m t"], Float[ndarray, "m t t"]]:
    """Eigenvalues of the correlation matrix, those near zero made zero, and its eigenvectors."""
    values, vectors = np.linalg.eigh(correlation_of(gramian))
    return np.where(values > CUTOFF * values[:, -1:], values, 0.0), vectors


def solved(gramian: Float[ndarray, "m t t"], right: Float[ndarray, "m t"]) -> Float[ndarray, "m t"]:
    """What times the Gramian gives ``right``, or comes closest.

    The pseudo-inverse is that of the correlation matrix, so that the gradients' lengths, which may
    differ by orders of magnitude, do no harm.
    """
    scale = inverse(lengths_of(gramian))
    values, vectors = spectrum_of(gramian)
    along = times(vectors.swapaxes(1, 2), scale * right)
    found: ndarray = scale * times(vectors, inverse(values) * along)
    return found
