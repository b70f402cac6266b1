"""Activations and gates in C++ against the plain ones, channel for channel."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import jets, native_jets
from pinn_core.engine.operators import Channels, Derivatives
from tests.pinn_core.backends import needs_native

D = Derivatives("x", "y", "t")
CHANNELS = {
    "value": Channels((), 3),
    "first order": Channels((D.x, D.t - D.y), 3),
    "heat": Channels((D.xx + D.yy - D.t,), 3),
    "mixed": Channels((D.xy - 2.0 * D.yy, D.t, D.xx + 0.5 * D.xt), 3),
}
pytestmark = needs_native
every_channels = pytest.mark.parametrize("channels", CHANNELS.values(), ids=CHANNELS)


def tables(channels: Channels, count: int, precision: torch.dtype) -> list[Tensor]:
    """Tables of 2 members, 32 points and width 5."""
    rng = torch.Generator().manual_seed(count)
    shape = 2, channels.count, 32, 5
    made = [torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(count)]
    return [table.to(precision) for table in made]


def close(found: Tensor, expected: Tensor) -> bool:
    allowed = 1e-12 if found.dtype is torch.float64 else 3e-6
    assert found.shape == expected.shape
    return bool((found - expected).norm() <= allowed * expected.norm())


@pytest.mark.parametrize("slopes", [True, False], ids=["with slopes", "without"])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@every_channels
def test_an_activation_is_the_plain_one(
    channels: Channels, activation: str, precision: torch.dtype, slopes: bool
) -> None:
    z, back = tables(channels, 2, precision)
    own = ACTIVATIONS[activation]
    after = native_jets.activate(z, own, channels, slopes)
    assert close(after, jets.activate(z, own, channels, slopes))
    found = native_jets.activate_reverse(z, back, own, channels, slopes)
    assert close(found, jets.activate_reverse(z, back, own, channels, slopes))


@pytest.mark.parametrize("precision", [torch.float32, torch.float64], ids=["single", "double"])
@every_channels
def test_a_gate_is_the_plain_one(channels: Channels, precision: torch.dtype) -> None:
    inside, swing, base = tables(channels, 3, precision)
    found = native_jets.gate(inside, swing, base, channels)
    assert close(found, jets.gate(inside, swing, base, channels))
    found = native_jets.gate_reverse(inside, swing, channels)
    assert close(found, jets.gate_reverse(inside, swing, channels))


def test_tables_that_lie_anyhow_are_read_as_they_are() -> None:
    channels, own = CHANNELS["mixed"], ACTIVATIONS["tanh"]
    (z,) = tables(channels, 1, torch.float32)
    expected = native_jets.activate(z, own, channels, True)
    shifted = torch.empty(z.numel() + 1)[1:].view(z.shape).copy_(z)
    assert shifted.data_ptr() % native_jets.ALIGNED
    turned = z.mT.contiguous().mT
    assert not turned.is_contiguous()
    for odd in (shifted, turned):
        assert torch.equal(native_jets.activate(odd, own, channels, True), expected)


@pytest.mark.parametrize("code", [-1, 5, 99])
def test_an_unknown_activation_is_refused(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Softplus once stood in for every code that nothing has."""
    softplus, channels = ACTIVATIONS["softplus"], CHANNELS["heat"]
    z, back = tables(channels, 2, torch.float32)
    monkeypatch.setattr(native_jets, "codes", lambda: {softplus: code})
    with pytest.raises(ValueError, match="native activate does not know this activation's code"):
        native_jets.activate(z, softplus, channels, True)
    with pytest.raises(ValueError, match="native activate_reverse does not know"):
        native_jets.activate_reverse(z, back, softplus, channels, True)
