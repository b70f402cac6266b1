"""Row operations in C++ (``cpp/rows.hpp``): one call and one pass over memory for a pack."""

import struct
from collections.abc import Sequence

from pinn_core.engine.backends import library
from pinn_core.tensors import Tensor, torch


def adam(
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    rate: Tensor,
    beta1: float,
    beta2: float,
    epsilon: float,
    corrections: tuple[float, float],
) -> Tensor:
    """The update (m, P), and both moments (m, P) changed in place; ``rate`` has m numbers.

    ``corrections`` divide the first moment and the root of the second.
    """
    gradient = gradient.contiguous()
    rate = rate if rate.dtype is gradient.dtype else rate.to(gradient.dtype)
    rate = rate.contiguous()
    _alike(gradient, (first, second))
    if not (first.is_contiguous() and second.is_contiguous()):
        raise ValueError("Adam's moments must be contiguous")
    members, size = gradient.shape
    if rate.numel() != members:
        raise ValueError(f"Adam needs {members} learning rates, found {rate.numel()}")
    update = torch.empty_like(gradient)
    library.function("adam", gradient.dtype)(
        gradient.data_ptr(),
        first.data_ptr(),
        second.data_ptr(),
        rate.data_ptr(),
        update.data_ptr(),
        members,
        size,
        beta1,
        beta2,
        epsilon,
        *corrections,
    )
    return update


def dots(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """Inner products of the rows of left[i] and right[i], all (m, P): (pairs, m) in float64."""
    like = left[0]
    rows = [tensor.contiguous() for tensor in (*left, *right)]
    _alike(like, rows)
    pairs, (members, size) = len(left), like.shape
    sums = torch.empty(pairs, members, dtype=torch.float64)
    library.function("dots", like.dtype)(
        struct.pack(f"{2 * pairs}P", *[tensor.data_ptr() for tensor in rows]),
        pairs,
        members,
        size,
        sums.data_ptr(),
    )
    return sums


def _alike(like: Tensor, tensors: Sequence[Tensor]) -> None:
    """C++ cannot tell: of another shape or precision it would read what is not there."""
    shape, precision = like.shape, like.dtype
    for tensor in tensors:
        if tensor.shape != shape or tensor.dtype is not precision or not tensor.is_cpu:
            raise ValueError(
                f"rows must agree: found {tuple(shape)} in {precision} beside "
                f"{tuple(tensor.shape)} in {tensor.dtype} on {tensor.device}"
            )
