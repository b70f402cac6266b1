from __future__ import annotations

import pytest
import torch

from pinn_core.engine.activations import ACTIVATIONS

LINE = torch.linspace(-9, 9, 1001, dtype=torch.float64)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_are_those_of_autograd(name: str) -> None:
    z = LINE.clone().requires_grad_()
    jet = ACTIVATIONS[name](z, 3)
    current = jet[0]
    for derivative in jet[1:]:
        (current,) = torch.autograd.grad(current.sum(), z, create_graph=True)
        assert torch.allclose(current, derivative, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_shorter_jet_is_the_beginning_of_the_longer(name: str, order: int) -> None:
    longer = ACTIVATIONS[name](LINE, 3)
    shorter = ACTIVATIONS[name](LINE, order)
    assert len(shorter) == order + 1
    assert all(torch.equal(a, b) for a, b in zip(shorter, longer, strict=False))


@pytest.mark.parametrize(
    ("name", "torch_function"),
    [
        ("tanh", torch.tanh),
        ("sin", torch.sin),
        ("gelu", torch.nn.functional.gelu),
        ("silu", torch.nn.functional.silu),
        ("softplus", torch.nn.functional.softplus),
    ],
)
def test_values_are_those_of_torch(name: str, torch_function: object) -> None:
    assert torch.allclose(ACTIVATIONS[name](LINE, 0)[0], torch_function(LINE), atol=1e-8)


@pytest.mark.parametrize("name", ["gelu", "silu", "softplus", "tanh"])
def test_large_arguments_stay_finite(name: str) -> None:
    far = torch.tensor([-80.0, 80.0])
    assert all(part.isfinite().all() for part in ACTIVATIONS[name](far, 3))
