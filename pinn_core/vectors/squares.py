"""Sums of squares over points: the terms of an objective and the losses that are recorded.

On a CPU with the native backend each is one call and one pass over memory; elsewhere plain torch,
which never waits for the device. Sums are float64; a member's numbers do not depend on its pack.
"""

from jaxtyping import Float

from pinn_core.engine.backends import native_squares, serves_natively
from pinn_core.tensors import Tensor, torch


def misfit(
    values: Float[Tensor, "m n k"],
    target: Float[Tensor, "#m n k"],
    backend: str = "auto",
    share: Float[Tensor, "#m n 1"] | None = None,
) -> tuple[Float[Tensor, " m"], Float[Tensor, "m n k"]]:
    """Mean over points of the squared distance, times its share, and its derivative by the values.

    The squares are summed over the k components. Raises ``RuntimeError`` where ``native`` was named
    and cannot serve.
    """
    if serves_natively(values, backend):
        wide = None if share is None else share.expand(-1, -1, values.shape[2])
        return native_squares.misfit(values, target, wide)
    difference = values - target
    if share is not None:
        squares, weights = difference.square().sum(2), share[..., 0]
        loss = (weights * squares).sum(1, dtype=torch.float64) / squares.shape[1]
        return loss, (2 / squares.shape[1]) * weights[..., None] * difference
    loss = difference.square().flatten(1).sum(1, dtype=torch.float64) / values.shape[1]
    return loss, difference * (2 / values.shape[1])


def weighted_squares(
    values: Float[Tensor, "m n k"],
    targets: Float[Tensor, "t q"],
    weights: Float[Tensor, "t q"],
    backend: str = "auto",
) -> Float[Tensor, "t m"]:
    """For every table of q = n k targets: the sum of weight times squared distance from it."""
    if serves_natively(values, backend):
        return native_squares.weighted_squares(values, targets, weights)
    squares = (values.flatten(1)[:, None] - targets).square_().mul_(weights)
    return squares.sum(2, dtype=torch.float64).T.contiguous()
