"""What is done to flat parameters of a pack besides propagation: Adam's update, inner products.

On a CPU with the native backend each is one call and one pass over memory; elsewhere plain torch,
which never waits for the device. A member's numbers depend neither on its pack nor, with torch's
own threads at one, on the number of threads.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from pinn_core.engine.backends import native_rows, serves_natively
from pinn_core.tensors import Tensor, no_grad, torch


def adam(
    gradient: Float[Tensor, "m p"],
    first: Float[Tensor, "m p"],
    second: Float[Tensor, "m p"],
    rate: Float[Tensor, "m 1"] | Float[Tensor, " m"],
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int | Int[Tensor, ""],
    backend: str = "auto",
    decay: tuple[Float[Tensor, "m p"], Float[Tensor, "m 1"]] | None = None,
) -> Float[Tensor, "m p"]:
    """Adam's update, to be added to the parameters; both moments are changed in place.

    Kingma and Ba 2015, algorithm 1, each member with its own rate; with ``decay``, parameters and
    factors, less the parameters times their factor (AdamW). ``step`` counts from 0; off the
    CPU it may be a tensor on the device, so that a captured step can be replayed. Raises
    ``RuntimeError`` where ``native`` was named and cannot serve, ``ValueError`` where it is given
    rows that disagree.
    """
    if serves_natively(gradient, backend):
        by = corrections(beta1, beta2, int(step))
        return native_rows.adam(gradient, first, second, rate, beta1, beta2, epsilon, by, decay)
    update = _adam(gradient, first, second, rate, beta1, beta2, epsilon, step)
    return update if decay is None else update - decay[0] * decay[1]


def corrections(beta1: float, beta2: float, step: int) -> tuple[float, float]:
    """What Adam's first moment and the root of its second are divided by at ``step`` (from 0)."""
    return 1 - beta1 ** (step + 1), (1 - beta2 ** (step + 1)) ** 0.5


def weighted_sum(
    rows: Sequence[Float[Tensor, "m p"]], factors: Float[Tensor, "rows m"], backend: str = "auto"
) -> Float[Tensor, "m p"]:
    """The sum of ``rows`` (at least one), each times its factors, in the rows' order.

    Raises as ``adam`` does.
    """
    if serves_natively(rows[0], backend):
        return native_rows.weighted_sum(rows, factors)
    total = factors[0, :, None] * rows[0]
    for factor, row in zip(factors[1:], rows[1:], strict=True):
        total.addcmul_(factor[:, None], row)
    return total


def dots(
    left: Sequence[Float[Tensor, "m p"]],
    right: Sequence[Float[Tensor, "m p"]],
    backend: str = "auto",
) -> Float[Tensor, "pairs m"]:
    """Inner products of the rows of left[i] and right[i], for at least one pair.

    Products and sums are made and returned in float64: of float32 rows the products are exact, and
    their squares neither overflow nor vanish. Raises as ``adam`` does.
    """
    if not left or len(left) != len(right):
        raise ValueError(f"dots needs pairs, found {len(left)} left and {len(right)} right")
    if serves_natively(left[0], backend):
        return native_rows.dots(left, right)
    return _dots(left, right)


def inner(
    rows: Float[Tensor, "n p"], vector: Float[Tensor, " p"], backend: str = "auto"
) -> NDArray[np.float64]:
    """Inner products of one member's rows with its vector, on the host; waits for the device."""
    if not rows.is_cpu:
        return dots([rows], [vector.expand_as(rows)], backend)[0].cpu().numpy()
    return dots(rows[:, None].unbind(), [vector[None]] * len(rows), backend)[:, 0].numpy()


def combined(rows: Float[Tensor, "n p"], factors: Sequence[float]) -> Float[Tensor, " p"]:
    """The sum of one member's rows, each times its factor.

    On a CPU row after row, which stays in the cache; product and sum are rounded apart.
    """
    if not rows.is_cpu:
        return rows.new_tensor(factors) @ rows
    total, product = torch.zeros_like(rows[0]), torch.empty_like(rows[0])
    for row, factor in zip(rows, factors, strict=True):
        total += torch.mul(row, factor, out=product)
    return total


@no_grad
def _adam(
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    rate: Tensor,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int | Tensor,
) -> Tensor:
    count = (step.double() if isinstance(step, Tensor) else step) + 1  # float32: 0.999^1 is coarse
    first.mul_(beta1).add_(gradient, alpha=1 - beta1)
    second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    denominator = second.sqrt().div_((1 - beta2**count) ** 0.5).add_(epsilon)
    return (first / denominator).mul_(rate.reshape(-1, 1) / -(1 - beta1**count))


@no_grad
def _dots(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a.double() * b).sum(1) for a, b in zip(left, right, strict=True)])
