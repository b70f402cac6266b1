"""Sums of squares in C++ (``cpp/squares.hpp``): one call and one pass over memory for a pack."""

from pinn_core.engine.backends import library
from pinn_core.tensors import Tensor, torch


def misfit(values: Tensor, target: Tensor, share: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean squared distance (m,) in float64 and its derivative (m, n, k) by the values.

    ``target``, and ``share`` where points do not count alike, have the values' shape, or 1 in place
    of m.
    """
    values = values.contiguous()
    members, points, components = values.shape
    target = _table(values, "target", target)
    share = None if share is None else _table(values, "share", share)
    loss = torch.empty(members, dtype=torch.float64)
    slope = torch.empty_like(values)
    library.function("misfit", values.dtype)(
        values.data_ptr(),
        target.data_ptr(),
        None if share is None else share.data_ptr(),
        members,
        points * components,
        target.shape[0] == 1,
        share is not None and share.shape[0] == 1,
        points,
        slope.data_ptr(),
        loss.data_ptr(),
    )
    return loss, slope


def weighted_squares(values: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Sums (t, m) in float64 of weights (t, n k) times squared distances from targets (t, n k)."""
    values, targets, weights = values.contiguous(), targets.contiguous(), weights.contiguous()
    members, size = values.shape[0], values.shape[1] * values.shape[2]
    if targets.shape != weights.shape or targets.shape[1] != size:
        raise ValueError(
            f"targets {tuple(targets.shape)} and weights {tuple(weights.shape)} beside "
            f"{size} values"
        )
    _alike(values, targets)
    _alike(values, weights)
    sums = torch.empty(len(targets), members, dtype=torch.float64)
    library.function("squares", values.dtype)(
        values.data_ptr(),
        targets.data_ptr(),
        weights.data_ptr(),
        members,
        size,
        len(targets),
        sums.data_ptr(),
    )
    return sums


def _table(values: Tensor, name: str, table: Tensor) -> Tensor:
    if table.shape[1:] != values.shape[1:] or table.shape[0] not in (1, len(values)):
        raise ValueError(f"{name} {tuple(table.shape)} beside values {tuple(values.shape)}")
    _alike(values, table)
    return table.contiguous()


def _alike(values: Tensor, other: Tensor) -> None:
    if other.dtype is not values.dtype or not other.is_cpu:
        raise ValueError(f"found {other.dtype} on {other.device} beside {values.dtype} on the CPU")
