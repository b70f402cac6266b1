"""The four channels in plain torch, the whole step through ``torch.compile``.

The networks of a pack go through batched products. A step does what ``jax_scripts`` do: gradients
of both losses, Adam, losses, lengths and cosines; a Python loop takes the steps.
"""

import time
from itertools import pairwise
from types import FunctionType, MethodType

import torch
from torch import Tensor

from benchmarks.peers.task import ACTIVATIONS, PackTask, Task

State = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


class Compiled:
    """A pack and the compiled step of it; ``compiling=False`` leaves it to eager torch."""

    def __init__(self, pack: PackTask, compiling: bool = True) -> None:
        self._task, self._steps = pack.task, pack.steps
        start = pack.parameters.clone()
        one = torch.ones((), dtype=start.dtype, device=start.device)
        zero = torch.zeros_like(start)
        self._start: State = (start, zero, zero, zero, one)
        self._step = self._one_step
        if compiling:  # torch keeps at most 8 compilations of one function: each pack has its own
            code = Compiled._one_step.__code__
            one_step = FunctionType(code.replace(), Compiled._one_step.__globals__)
            self._step = torch.compile(MethodType(one_step, self), fullgraph=True)
        first, second = self._seconds(), self._seconds()
        self.compile_seconds = first - second

    def both(self) -> tuple[Tensor, Tensor]:
        """Losses (m, 2) of residual and boundary, and gradients (m, 2, P), at the start."""
        losses, slopes = (torch.stack(pair, 1) for pair in _gradients(self._task, self._start[0]))
        return losses, slopes

    def train(self) -> Tensor:
        """Train from the start again; the losses (steps, m, 2) before each update."""
        state, found = self._start, []
        for _ in range(self._steps):
            state, record = self._step(state)
            found.append(record)
        return torch.stack(found)[:, :, :2].cpu()  # waits for a GPU

    def _seconds(self) -> float:
        started = time.perf_counter()
        self._step(self._start)[1].cpu()
        return time.perf_counter() - started

    def _one_step(self, state: State) -> tuple[State, Tensor]:
        parameters, mean, square, before, number = state
        losses, (residual, boundary) = _gradients(self._task, parameters)
        total = residual + self._task.lambda_b * boundary
        mean = 0.9 * mean + 0.1 * total
        square = 0.999 * square + 0.001 * total * total
        unbiased = square / (1 - 0.999**number)
        step = -self._task.learning_rate * mean / (1 - 0.9**number)
        update = step / (unbiased.sqrt() + 1e-8)
        lengths = [part.square().sum(1).sqrt() for part in (residual, boundary, update, before)]
        record = [
            *losses,
            lengths[0],
            lengths[1],
            (residual * boundary).sum(1) / (lengths[0] * lengths[1]),
            lengths[2],
            (update * before).sum(1) / (lengths[2] * lengths[3]),
        ]
        return (parameters + update, mean, square, update, number + 1), torch.stack(record, 1)


def _gradients(
    task: Task, parameters: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Both losses (m,) and the gradient (m, P) of each; members do not depend on each other."""

    def residual_loss(parameters: Tensor) -> tuple[Tensor, Tensor]:
        losses = _residual(task, _layers(parameters, task.widths)).square().mean((1, 2))
        return losses.sum(), losses

    def boundary_loss(parameters: Tensor) -> tuple[Tensor, Tensor]:
        values = _values(task, _layers(parameters, task.widths))
        losses = (values - task.target).square().mean((1, 2))
        return losses.sum(), losses

    first, residual = torch.func.grad(residual_loss, has_aux=True)(parameters)
    second, boundary = torch.func.grad(boundary_loss, has_aux=True)(parameters)
    return (residual, boundary), (first, second)


def _values(task: Task, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    h = task.boundary
    for weight, bias in layers[:-1]:
        h = ACTIVATIONS[task.activation](h @ weight.mT + bias)
    weight, bias = layers[-1]
    return h @ weight.mT + bias


def _residual(task: Task, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """u_xx + u_yy - u_t (m, n, 1)."""
    (weight, bias), *hidden, (last, _) = layers
    x, y, t = (weight[:, :, axis, None].mT for axis in range(3))
    h, first, second = _jet(task.activation, task.interior @ weight.mT + bias)
    of_x, of_y, of_p = first * x, first * y, second * (x * x + y * y) - first * t
    for weight, bias in hidden:
        of_x, of_y, of_p = of_x @ weight.mT, of_y @ weight.mT, of_p @ weight.mT
        h, first, second = _jet(task.activation, h @ weight.mT + bias)
        of_p = first * of_p + second * (of_x * of_x + of_y * of_y)
        of_x, of_y = first * of_x, first * of_y
    return of_p @ last.mT


def _jet(activation: str, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value, first and second derivative, as one writes them by hand."""
    if activation == "tanh":
        h = torch.tanh(z)
        first = 1 - h * h
        return h, first, -2 * h * first
    if activation == "sin":
        h = torch.sin(z)
        return h, torch.cos(z), -h
    if activation == "gelu":
        cumulative = 0.5 * (1 + torch.erf(z * 0.5**0.5))
        density = torch.exp(-0.5 * z * z) * (2 * torch.pi) ** -0.5
        return z * cumulative, cumulative + z * density, density * (2 - z * z)
    logistic = torch.sigmoid(z)
    slope = logistic * (1 - logistic)
    if activation == "softplus":
        return torch.nn.functional.softplus(z, threshold=50.0), logistic, slope
    return z * logistic, logistic + z * slope, slope * (2 + z * (1 - 2 * logistic))


def _layers(parameters: Tensor, widths: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    """Weights (m, out, in) and biases (m, 1, out) of flat parameters (m, P)."""
    layers, at = [], 0
    for inputs, outputs in pairwise(widths):
        end = at + inputs * outputs
        weight = parameters[:, at:end].unflatten(1, (outputs, inputs))
        layers.append((weight, parameters[:, None, end : end + outputs]))
        at = end + outputs
    return layers
