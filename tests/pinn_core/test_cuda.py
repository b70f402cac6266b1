"""The eager backend on a GPU: the same function, nothing to wait for, packs by memory."""

from __future__ import annotations

import jaxtyping
import pytest
import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import eager, fused
from pinn_core.engine.operators import Channels, Derivatives
from pinn_core.engine.precision import matrix_products
from pinn_core.engine.stack import Stack, padded
from pinn_core.training.footprint import most_members
from tests.pinn_core.packs import configuration

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

D = Derivatives("x", "y", "t")
CHANNELS = Channels((D.xx + D.yy - D.t,), 3)
MEMBERS = 7
CASES = [*((each, MEMBERS) for each in ACTIVATIONS), *(("gelu", size) for size in (1, 2, 64))]
"""Every activation, every size of a pack: not each with each.

A case makes kernels of its own, which took about ten seconds on one NVIDIA H200.
"""


@pytest.fixture(autouse=True)
def as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the checks of shapes that only tests have, and that no compiler sees through."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def example(members: int, activation: str = "gelu") -> tuple[Stack, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(members)
    stack = Stack((3, 64, 64, 64, 1), ACTIVATIONS[activation])
    size = (members, padded(stack.size))
    parameters = torch.randn(*size, generator=generator, dtype=torch.float64) / 8
    return stack, parameters, torch.rand(1, 700, 3, generator=generator, dtype=torch.float64)


def both_ways(stack: Stack, parameters: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    output, saved = eager.forward(stack, CHANNELS, parameters, points, 1, keep=True)
    return output, eager.reverse(saved, output)


def worst(parameters: Tensor, points: Tensor, stack: Stack) -> float:
    expected = both_ways(stack, parameters, points)
    found = both_ways(stack, parameters.float().cuda(), points.float().cuda())
    pairs = zip(found, expected, strict=True)
    return max(float((one.cpu().double() - two).norm() / two.norm()) for one, two in pairs)


@pytest.mark.parametrize(("activation", "members"), CASES)
def test_a_pack_agrees_with_float64_on_a_cpu(activation: str, members: int) -> None:
    stack, parameters, points = example(members, activation)
    with matrix_products("float32"):
        assert worst(parameters, points, stack) < 1e-5


def test_tf32_is_coarser_and_only_where_it_is_asked_for() -> None:
    stack, parameters, points = example(MEMBERS)
    with matrix_products("tf32"):
        coarse = worst(parameters, points, stack)
    with matrix_products("float32"):
        fine = worst(parameters, points, stack)
    assert fine < 1e-5 < coarse < 1e-2


def test_activations_are_fused() -> None:
    stack, parameters, points = example(MEMBERS)
    both_ways(stack, parameters.float().cuda(), points.float().cuda())
    assert fused.activate.compiles
    assert fused.activate_reverse.compiles


def test_nothing_waits_for_the_device() -> None:
    stack, parameters, points = example(MEMBERS)
    own, point_set = parameters.float().cuda(), points.float().cuda()
    both_ways(stack, own, point_set)  # makes the kernels, where no test before it did
    torch.cuda.set_sync_debug_mode("error")
    try:
        both_ways(stack, own, point_set)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_as_many_members_fit_as_the_share_of_the_memory_holds() -> None:
    whole, part = (most_members(configuration(), "cuda", share) for share in (1.0, 0.1))
    assert whole is not None
    assert part is not None
    assert whole >= part >= 1
