"""Adam's update and inner products of rows: both backends against float64, and in other company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn_core.engine.backends import native_rows
from pinn_core.vectors.rows import adam, dots
from tests.pinn_core.backends import BACKENDS, needs_native

STEPS = 5


def table(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def walk(gradients: Tensor, rate: Tensor, backend: str, *, on_device: bool = False) -> Tensor:
    """Updates, one for every table of gradients, and both moments at the end."""
    first, second = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0])
    updates = [
        adam(
            gradient,
            first,
            second,
            rate,
            beta1=0.9,
            beta2=0.999,
            epsilon=1e-8,
            step=torch.tensor(step) if on_device else step,
            backend=backend,
        )
        for step, gradient in enumerate(gradients)
    ]
    return torch.stack([*updates, first, second])


def relative(found: Tensor, expected: Tensor) -> float:
    """Largest error of a table, relative to the table's largest number."""
    size = expected.abs().amax(-1)
    return float(((found.double() - expected.double()).abs().amax(-1) / size).max())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 5e-7), (torch.float64, 4e-15)])
@pytest.mark.parametrize("size", [32, 1216])
def test_adam_is_algorithm_1(backend: str, dtype: torch.dtype, allowed: float, size: int) -> None:
    gradients = table(STEPS, 3, size, dtype=dtype)
    rate = torch.tensor([[1e-3], [1e-2], [1.0]], dtype=dtype)
    first, second = torch.zeros(3, size).double(), torch.zeros(3, size).double()
    expected = []
    for step, gradient in enumerate(gradients.double(), start=1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        root = (second / (1 - 0.999**step)).sqrt()
        expected.append(-rate.double() * first / (1 - 0.9**step) / (root + 1e-8))
    found = walk(gradients, rate, backend)
    assert found.dtype == dtype
    assert relative(found, torch.stack([*expected, first, second])) < allowed


@pytest.mark.parametrize("backend", BACKENDS)
def test_adam_takes_its_step_from_the_device_and_rates_as_a_row(backend: str) -> None:
    gradients, rate = table(STEPS, 3, 64, dtype=torch.float32), torch.tensor([0.1, 0.2, 0.3])
    found = walk(gradients, rate, backend, on_device=True)
    assert relative(found, walk(gradients, rate[:, None], backend)) < 2e-7


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [32, 1216, 9984])
def test_dots_are_exact_to_float64_rounding(backend: str, dtype: torch.dtype, size: int) -> None:
    a, b, c = (table(5, size, dtype=dtype, seed=seed) for seed in range(3))
    found = dots([a, b, c], [b, b, a], backend)
    expected = torch.stack([(x.double() * y.double()).sum(1) for x, y in [(a, b), (b, b), (c, a)]])
    assert found.shape == (3, 5)
    assert float((found - expected).abs().max()) < 1e-15 * size


@pytest.mark.parametrize("backend", BACKENDS)
def test_squares_beyond_float32_are_kept(backend: str) -> None:
    rows = torch.tensor([[1e-30] * 32, [1e30] * 32])
    expected = 32 * rows[:, :1].double().square().T
    torch.testing.assert_close(dots([rows], [rows], backend), expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [32, 1216, 9984])
def test_a_members_bits_depend_on_nobody_else(backend: str, dtype: torch.dtype, size: int) -> None:
    gradients, rate = table(STEPS, 4, size, dtype=dtype), torch.full((4, 1), 0.01, dtype=dtype)
    sick = gradients.clone()
    sick[:, 2] = torch.nan
    pairs = list(gradients[:2]), list(gradients[1:3])
    together = walk(gradients, rate, backend), dots(*pairs, backend)
    beside_nan = walk(sick, rate, backend), dots(list(sick[:2]), list(sick[1:3]), backend)
    for member in range(4):
        own = slice(member, member + 1)
        if member == 2:
            assert beside_nan[0][:, own].isnan().all()
            assert beside_nan[1][:, own].isnan().all()
        else:
            assert torch.equal(beside_nan[0][:, own], together[0][:, own])
            assert torch.equal(beside_nan[1][:, own], together[1][:, own])
        alone = [[tensor[own] for tensor in tensors] for tensors in pairs]
        assert torch.equal(walk(gradients[:, own], rate[own], backend), together[0][:, own])
        assert torch.equal(dots(*alone, backend), together[1][:, own])


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_alignment_and_strides_do_not_matter(dtype: torch.dtype) -> None:
    gradients, rate = table(STEPS, 3, 96, dtype=dtype), torch.full((3,), 0.01, dtype=dtype)
    for laid in (torch.stack([gradients, gradients], dim=-1)[..., 0], misaligned(gradients)):
        assert torch.equal(walk(laid, rate, "native"), walk(gradients, rate, "native"))
        found = dots(list(laid[:2]), list(gradients[1:3]), "native")
        assert torch.equal(found, dots(list(gradients[:2]), list(gradients[1:3]), "native"))


def misaligned(tensor: Tensor) -> Tensor:
    """The same numbers one number further in memory."""
    room = tensor.new_empty(tensor.numel() + 1)
    room[1:] = tensor.flatten()
    return room[1:].view(tensor.shape)


@needs_native
def test_what_cpp_cannot_check_is_refused() -> None:
    rows, short = torch.ones(2, 64), torch.ones(2, 32)
    with pytest.raises(ValueError, match=r"must agree: found \(2, 64\).* beside \(2, 32\)"):
        native_rows.dots([rows, rows], [rows, short])
    with pytest.raises(ValueError, match=r"in torch.float64"):
        dots([rows], [rows.double()], "native")
    with pytest.raises(ValueError, match="found 1 left and 2 right"):
        dots([rows], [rows, rows], "native")
    numbers = (0.9, 0.999, 1e-8, (0.1, 0.03))
    with pytest.raises(ValueError, match="must agree"):
        native_rows.adam(rows, short, rows, torch.ones(2), *numbers)
    with pytest.raises(ValueError, match="must be contiguous"):
        native_rows.adam(rows, torch.ones(64, 2).T, rows, torch.ones(2), *numbers)
    with pytest.raises(ValueError, match="needs 2 learning rates, found 3"):
        native_rows.adam(rows, rows, rows, torch.ones(3), *numbers)
    with pytest.raises(RuntimeError, match=r"it has float32 and float64, not torch.bfloat16"):
        dots([rows.bfloat16()], [rows.bfloat16()], "native")
