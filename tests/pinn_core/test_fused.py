"""Fused activations: they trace whole, agree with plain torch, and fail softly."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import eager, jets
from pinn_core.engine.backends.fused import Fused
from pinn_core.engine.operators import Channels, Derivatives
from pinn_core.engine.stack import Stack, padded

D = Derivatives("x", "y", "t")
HEAT = D.xx + D.yy - D.t
OPERATORS = {
    "values": (),
    "drift": (D.t - 2.0 * D.x,),
    "heat": (HEAT,),
    "two": (HEAT, 2.0 * D.xy + D.x),
}


def noise(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def as_shipped() -> Iterator[None]:
    """Without the checks of shapes that only tests have, and that no compiler sees through."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("as_shipped")
@pytest.mark.parametrize(
    ("activation", "operators", "slopes"),
    [
        ("gelu", "heat", True),
        pytest.param("gelu", "heat", False, marks=pytest.mark.slow),
        pytest.param("tanh", "values", False, marks=pytest.mark.slow),
        pytest.param("sin", "two", True, marks=pytest.mark.slow),
        pytest.param("silu", "drift", False, marks=pytest.mark.slow),
    ],
)
def test_both_ways_trace_without_a_break_and_agree(
    activation: str, operators: str, slopes: bool
) -> None:
    channels = Channels(OPERATORS[operators], 3)
    jet = ACTIVATIONS[activation]
    forward, reverse = (
        Fused(function, backend="aot_eager") for function in (jets.activate, jets.activate_reverse)
    )
    for members, points in [(3, 32), (2, 48)]:
        z = noise(members, channels.count, points, 8)
        expected = jets.activate(z, jet, channels, slopes)
        assert torch.allclose(forward.compiled(z, jet, channels, slopes), expected, 1e-12, 1e-14)
        back = noise(*expected.shape)
        expected = jets.activate_reverse(z, back, jet, channels, slopes)
        found = reverse.compiled(z, back, jet, channels, slopes)
        assert torch.allclose(found, expected, 1e-12, 1e-14)


@pytest.mark.slow
@pytest.mark.usefixtures("as_shipped")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_compiler_keeps_the_numbers(activation: str) -> None:
    channels = Channels((HEAT,), 3)
    z, back = noise(2, channels.count, 32, 8), noise(2, channels.count, 32, 8)
    for function, inputs in [(jets.activate, (z,)), (jets.activate_reverse, (z, back))]:
        arguments = (*inputs, ACTIVATIONS[activation], channels, True)
        found = Fused(function).compiled(*arguments)
        assert torch.allclose(found, function(*arguments), 1e-12, 1e-14)


def test_on_a_cpu_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinn_core.tensors.torch.compile", lambda *_, **__: pytest.fail("compiled"))
    z = noise(2, 4, 32, 8)
    channels = Channels((HEAT,), 3)
    found = Fused(jets.activate)(z, ACTIVATIONS["tanh"], channels, True)
    assert torch.equal(found, jets.activate(z, ACTIVATIONS["tanh"], channels, True))


def test_without_a_compiler_plain_torch_serves_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fused = Fused(jets.activate, backend="none")
    z = torch.zeros(2, 4, 32, 8).as_subclass(SaysItIsOnAGpu)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert fused(z, ACTIVATIONS["tanh"], Channels((HEAT,), 3), True).shape == z.shape
    (line,) = caplog.messages
    assert line.startswith("No fused kernel for activate, plain torch serves: ")


class SaysItIsOnAGpu(Tensor):
    is_cuda = True


@pytest.mark.parametrize("members", [1, 5])
@pytest.mark.parametrize("operators", OPERATORS)
def test_neither_way_asks_for_numbers_or_copies_between_devices(
    operators: str, members: int
) -> None:
    stack = Stack((3, 8, 8, 1), ACTIVATIONS["gelu"])
    channels = Channels(OPERATORS[operators], 3)
    parameters, points = noise(members, padded(stack.size)), noise(1, 70, 3)
    with Calls() as calls:
        output, saved = eager.forward(stack, channels, parameters, points, 1, keep=True)
        eager.reverse(saved, output)
    waiting = {"_local_scalar_dense", "_to_copy", "lift_fresh", "index", "nonzero", "item"}
    assert calls.names
    assert not calls.names & waiting


class Calls(TorchDispatchMode):
    """Collects the names of the operations that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))
