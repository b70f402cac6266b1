"""Sums of squares over points: both backends against float64, and in other company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn_core.engine.backends import native_squares
from pinn_core.vectors.squares import misfit, weighted_squares
from tests.pinn_core.backends import BACKENDS, needs_native

SIZES = [1, 7, 128, 3176]


def table(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("points", SIZES)
@pytest.mark.parametrize("shared", [True, False])
def test_a_misfit_is_the_mean_square_and_its_derivative(
    backend: str, dtype: torch.dtype, points: int, shared: bool
) -> None:
    values = table(3, points, 2, dtype=dtype)
    target = table(1 if shared else 3, points, 2, dtype=dtype, seed=1)
    loss, slope = misfit(values, target, backend)
    exact = values.double().requires_grad_()
    expected = (exact - target.double()).square().sum(2).mean(1)
    (derivative,) = torch.autograd.grad(expected.sum(), exact)
    assert loss.dtype is torch.float64
    assert torch.allclose(loss, expected.detach(), rtol=1e-6 if dtype is torch.float32 else 1e-14)
    assert torch.allclose(slope, derivative.to(dtype), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("points", SIZES)
def test_weighted_squares_are_sums_over_points(backend: str, points: int) -> None:
    values = table(3, points, 2)
    targets, weights = table(4, points * 2, seed=1), table(4, points * 2, seed=2).abs()
    expected = torch.stack(
        [
            (weight * (values.flatten(1) - target).square()).sum(1)
            for target, weight in zip(targets, weights, strict=True)
        ]
    )
    found = weighted_squares(values, targets, weights, backend)
    assert torch.allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("points", SIZES)
def test_a_members_bits_do_not_depend_on_its_pack(backend: str, points: int) -> None:
    values, target = table(5, points, 1).float(), table(5, points, 1, seed=1).float()
    targets, weights = table(3, points, seed=2).float(), table(3, points, seed=3).float()
    values[3] = torch.nan
    loss, slope = misfit(values, target, backend)
    sums = weighted_squares(values, targets, weights, backend)
    for member in (0, 1, 2, 4):
        own = slice(member, member + 1)
        own_loss, own_slope = misfit(values[own], target[own], backend)
        assert torch.equal(own_loss, loss[own])
        assert torch.equal(own_slope, slope[own])
        own_sums = weighted_squares(values[own], targets, weights, backend)
        assert torch.equal(own_sums, sums[:, own])
    assert loss[3].isnan()
    assert sums[:, 3].isnan().all()


@needs_native
def test_what_does_not_fit_together_is_refused() -> None:
    values = table(2, 5, 1)
    with pytest.raises(ValueError, match=r"target \(2, 4, 1\) beside values \(2, 5, 1\)"):
        native_squares.misfit(values, table(2, 4, 1))
    with pytest.raises(ValueError, match=r"float32 on cpu beside torch\.float64"):
        native_squares.misfit(values, table(2, 5, 1).float())
    with pytest.raises(ValueError, match=r"targets \(3, 4\) and weights \(3, 5\) beside 5 values"):
        native_squares.weighted_squares(values, table(3, 4), table(3, 5))
