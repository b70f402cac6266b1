"""The peer of every problem squares what our engine squares, so their times may be compared."""

from __future__ import annotations

import pytest
import torch

from benchmarks.peers import flat
from benchmarks.problems import Ours
from pinn_core import PROBLEMS


@pytest.mark.parametrize(
    ("problem", "network"),
    [*((name, "mlp") for name in PROBLEMS.names()), ("klein_gordon", "modified_mlp")],
)
def test_losses_and_gradients_are_equal(problem: str, network: str) -> None:
    ours = Ours.of(problem, network, 2, "float64")
    size = ours.disc.stack.size
    terms = ours.terms().terms.values()
    peer = ours.peer(member=1)
    for term, loss, gradient in zip(terms, peer.losses(), peer.gradients(), strict=True):
        torch.testing.assert_close(loss.item(), term.loss[1].item(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(flat(gradient), term.gradient[1, :size], rtol=1e-9, atol=1e-9)
    total = sum(term.gradient[1, :size] for term in terms)
    torch.testing.assert_close(flat(peer.gradient()), total, rtol=1e-9, atol=1e-9)
