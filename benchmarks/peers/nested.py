"""Nested ``torch.autograd.grad``, as careful researchers write their PINN by hand."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.peers.task import ACTIVATIONS, Both, Task, fill


class Nested:
    """A task in plain torch: linear layers, derivatives by autograd, torch's Adam.

    Only what is needed is computed: interior points carry derivatives, boundary points do not.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.activation = ACTIVATIONS[task.activation]
        self.layers = [
            nn.Linear(*pair, device=task.parameters.device, dtype=task.parameters.dtype)
            for pair in pairwise(task.widths)
        ]
        fill(self.layers, task.parameters)
        self.parameters = [part for layer in self.layers for part in layer.parameters()]
        self.adam = torch.optim.Adam(self.parameters, lr=task.learning_rate)
        self.interior = task.interior.clone().requires_grad_()

    def both(self) -> Both:
        """Both losses and gradients, each by its own reverse pass."""
        residual, boundary = self._residual_loss(), self._boundary_loss()
        return (residual, boundary), (self._gradient(residual), self._gradient(boundary))

    def step(self) -> None:
        """One backward pass of the weighted sum, one step of Adam."""
        self.adam.zero_grad()
        loss = self._residual_loss() + self.task.lambda_b * self._boundary_loss()
        loss.backward()
        self.adam.step()

    def _values(self, points: Tensor) -> Tensor:
        h = points
        for layer in self.layers[:-1]:
            h = self.activation(layer(h))
        values: Tensor = self.layers[-1](h)
        return values

    def _residual_loss(self) -> Tensor:
        u = self._values(self.interior)
        (first,) = torch.autograd.grad(u.sum(), self.interior, create_graph=True)
        (of_x,) = torch.autograd.grad(first[:, 0].sum(), self.interior, create_graph=True)
        (of_y,) = torch.autograd.grad(first[:, 1].sum(), self.interior, create_graph=True)
        return (of_x[:, 0] + of_y[:, 1] - first[:, 2]).square().mean()

    def _boundary_loss(self) -> Tensor:
        return (self._values(self.task.boundary) - self.task.target).square().mean()

    def _gradient(self, loss: Tensor) -> tuple[Tensor, ...]:
        """The output's bias has no part in the residual, so its gradient there is 0."""
        return torch.autograd.grad(loss, self.parameters, materialize_grads=True)
