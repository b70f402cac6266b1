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
    decay: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """The update (m, P), and both moments (m, P) changed in place; ``rate`` has m numbers.

    ``corrections`` divide the first moment and the root of the second; ``decay`` are parameters
    (m, P) and the m numbers of which a multiple of them is subtracted.
    """
    gradient = gradient.contiguous()
    members, size = gradient.shape
    parameters, shrink = (None, None) if decay is None else decay
    rates, shrinks = _per_member(rate, gradient), _per_member(shrink, gradient)
    moved = () if parameters is None else (parameters,)
    _alike(gradient, (first, second, *moved))
    if not all(tensor.is_contiguous() for tensor in (first, second, *moved)):
        raise ValueError("Adam's moments and parameters must be contiguous")
    update = torch.empty_like(gradient)
    library.function("adam", gradient.dtype)(
        gradient.data_ptr(),
        first.data_ptr(),
        second.data_ptr(),
        _address(rates),
        _address(parameters),
        _address(shrinks),
        update.data_ptr(),
        members,
        size,
        struct.pack("5d", beta1, beta2, epsilon, *corrections),
    )
    return update


def weighted_sum(rows: Sequence[Tensor], factors: Tensor) -> Tensor:
    """The sum (m, P) of ``rows``, each (m, P) and times its ``factors`` (rows, m)."""
    like = rows[0]
    rows = [tensor.contiguous() for tensor in rows]
    _alike(like, rows)
    members, size = like.shape
    if factors.shape != (len(rows), members) or factors.dtype is not like.dtype:
        raise ValueError(f"factors {tuple(factors.shape)} of {len(rows)} x {members} rows")
    factors = factors.contiguous()
    result = torch.empty(members, size, dtype=like.dtype)
    library.function("weighted_sum", like.dtype)(
        struct.pack(f"{len(rows)}P", *[tensor.data_ptr() for tensor in rows]),
        factors.data_ptr(),
        len(rows),
        members,
        size,
        result.data_ptr(),
    )
    return result


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


def _per_member(numbers: Tensor | None, like: Tensor) -> Tensor | None:
    """One number for every member, in the rows' precision."""
    if numbers is None:
        return None
    if numbers.numel() != len(like):
        raise ValueError(f"Adam needs {len(like)} learning rates, found {numbers.numel()}")
    return numbers.to(like.dtype).contiguous()


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _alike(like: Tensor, tensors: Sequence[Tensor]) -> None:
    """C++ cannot tell: of another shape or precision it would read what is not there."""
    shape, precision = like.shape, like.dtype
    for tensor in tensors:
        if tensor.shape != shape or tensor.dtype is not precision or not tensor.is_cpu:
            raise ValueError(
                f"rows must agree: found {tuple(shape)} in {precision} beside "
                f"{tuple(tensor.shape)} in {tensor.dtype} on {tensor.device}"
            )
