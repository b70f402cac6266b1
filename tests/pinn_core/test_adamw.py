"""AdamW against torch's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from pinn_core.optimizers import Adam, AdamW, Optimizer, StepContext
from tests.pinn_core.backends import BACKENDS


def loss(theta: Tensor) -> Tensor:
    return ((theta[..., 1:] - theta[..., :-1] ** 2) ** 2).sum(-1) + (1 - theta).square().sum(-1)


def evaluate(theta: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
    assert len(theta) == len(members)
    theta = theta.clone().requires_grad_()
    losses = loss(theta)
    return losses.detach().double(), torch.autograd.grad(losses.sum(), theta)[0]


def walked(optimizer: Optimizer, theta: Tensor, backend: str, **settings: list[float]) -> Tensor:
    """Where 40 steps lead."""
    own = {name: theta.new_tensor(values)[:, None] for name, values in settings.items()}
    state, members = optimizer.start(theta), range(len(theta))
    for step in range(40):
        context = StepContext(theta, *evaluate(theta, members), evaluate)
        theta = theta + optimizer.update(own, state, context, step, backend)
    return theta


def start() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, 9, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_member_walks_as_torchs(backend: str) -> None:
    rates, decays = [1e-2, 3e-3], [0.1, 2.0]
    optimizer = AdamW(decay=0.5, decay_steps=20)
    found = walked(optimizer, start(), backend, learning_rate=rates, weight_decay=decays)
    for member, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        theta = start()[member].requires_grad_()
        theirs = torch.optim.AdamW([theta], lr=rate, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(theirs, lambda step: 0.5 ** (step / 20))
        for _ in range(40):
            theirs.zero_grad()
            loss(theta).backward()
            theirs.step()
            schedule.step()
        torch.testing.assert_close(found[member], theta.detach(), rtol=1e-12, atol=1e-13)


def test_without_decay_it_is_adam_to_the_bit() -> None:
    plain = walked(Adam(), start(), "auto", learning_rate=[1e-2] * 2)
    zero = [0.0, 0.0]
    assert torch.equal(
        plain, walked(AdamW(), start(), "auto", learning_rate=[1e-2] * 2, weight_decay=zero)
    )


def test_a_negative_decay_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^weight_decay must be >= 0, found -0.1"):
        AdamW(weight_decay=-0.1)
    with pytest.raises(ValueError, match=r"^beta1 must be < 1"):
        AdamW(beta1=1.0)
