"""Losses of plain tensors, and packs of optimizers that walk down them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinn_core.optimizers import Optimizer, StepContext

Loss = Callable[[Tensor], Tensor]


def rosenbrock(theta: Tensor) -> Tensor:
    """Nocedal and Wright's chain, with its minimum 0 at ones."""
    left, right = theta[:-1], theta[1:]
    return (100 * (right - left**2) ** 2 + (1 - left) ** 2).sum()


def fit(theta: Tensor) -> Tensor:
    """Least squares of a 1-8-1 tanh network on 20 points of a sine, 25 parameters."""
    x = torch.linspace(-1, 1, 20, dtype=theta.dtype)[:, None]
    inner, bias, outer = theta[:8], theta[8:16], theta[16:24]
    found = torch.tanh(x * inner + bias) @ outer + theta[24]
    return (found - torch.sin(3 * x[:, 0])).square().mean()


class Walk:
    """Members walking down losses of their own, with gradients and Hessians by autograd."""

    def __init__(self, optimizer: Optimizer, losses: Sequence[Loss], theta: Tensor) -> None:
        self.optimizer, self.losses, self.theta = optimizer, losses, theta
        self.settings = {
            name: torch.full((len(losses), 1), getattr(optimizer, name), dtype=theta.dtype)
            for name in optimizer.per_member
        }
        self.state = optimizer.start(theta)
        self.now = 0

    def evaluate(self, points: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Losses and gradients of the named members."""
        found = [self._one(point, member) for point, member in zip(points, members, strict=True)]
        return torch.stack([loss for loss, _ in found]), torch.stack([slope for _, slope in found])

    def _one(self, point: Tensor, member: int) -> tuple[Tensor, Tensor]:
        point = point.clone().requires_grad_()
        loss = self.losses[member](point)
        return loss.detach().double(), torch.autograd.grad(loss, point)[0]

    def products(self, vectors: Tensor, members: Sequence[int]) -> Tensor:
        """Hessians times vectors, where the members are."""
        return torch.stack(
            [
                torch.autograd.functional.hvp(self.losses[member], self.theta[member], own)[1]
                for member, own in zip(members, vectors, strict=True)
            ]
        )

    def walk(self, steps: int, backend: str = "auto") -> Tensor:
        """Parameters after every step: (steps, m, P)."""
        path = []
        for _ in range(steps):
            loss, gradient = self.evaluate(self.theta, range(len(self.losses)))
            seeds = range(len(self.losses))
            context = StepContext(
                self.theta, loss, gradient, self.evaluate, products=self.products, seeds=seeds
            )
            update = self.optimizer.update(self.settings, self.state, context, self.now, backend)
            self.theta, self.now = self.theta + update, self.now + 1
            path.append(self.theta)
        return torch.stack(path)
