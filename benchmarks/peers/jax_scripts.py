"""A pack trained by a script in JAX: one ``jit`` of one ``lax.scan`` over all steps.

Importing this module imports JAX and raises ``ImportError`` without it.

Every step makes the gradients of both losses, Adam's update and a record: both losses, the length
of both gradients and the cosine between them, the update's length and its cosine with the one
before. This is the part of our default record that costs arithmetic and no further points.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax import Array
from torch import Tensor

from benchmarks.peers.jax_residuals import RESIDUALS, Layers, values
from benchmarks.peers.task import PackTask, Task

Losses = Callable[[Array], tuple[tuple[Array, Array], tuple[Array, Array]]]


@dataclass(frozen=True)
class Way:
    """How a script makes its step.

    ``residual`` is one of ``jax_residuals.RESIDUALS``; ``chunk`` the most points at a time, None
    for all. The networks of a pack go through ``vmap``, or ``in_turn`` through ``lax.map``.
    """

    residual: str
    chunk: int | None = None
    in_turn: bool = False


class Script:
    """A pack and the compiled training of it."""

    def __init__(self, pack: PackTask, way: Way) -> None:
        self._start = as_jax(pack.parameters)
        self._gradients = gradients(pack.task, way)
        self._each = jax.lax.map if way.in_turn else _under_vmap
        self._one = training(self._gradients, pack.task, pack.steps)

    @property
    def compile_seconds(self) -> float:
        """What the compilation of the training took."""
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[Any, float]:
        return compiled(lambda start: self._each(self._one, start), self._start)

    def both(self) -> tuple[Tensor, Tensor]:
        """Losses (m, 2) of residual and boundary, and gradients (m, 2, P), at the start."""
        found = jax.jit(lambda start: self._each(self._gradients, start))(self._start)
        losses, slopes = (torch.stack([as_torch(part) for part in pair], 1) for pair in found)
        return losses, slopes

    def train(self) -> Tensor:
        """Train from the start again; the losses (steps, m, 2) before each update."""
        _, record = jax.block_until_ready(self._compiled[0](self._start))
        return as_torch(record[:, :, :2]).transpose(0, 1)


def gradients(task: Task, way: Way) -> Losses:
    """Both losses of one network with parameters (P,), and the gradient (P,) of each."""
    interior, boundary, target = (
        as_jax(part) for part in (task.interior, task.boundary, task.target)
    )
    points = len(interior)

    def residual_loss(parameters: Array, some: Array) -> Array:
        layers = layers_of(parameters, task.widths)
        return (RESIDUALS[way.residual](task.activation, layers, some) ** 2).sum() / points

    def boundary_loss(parameters: Array) -> Array:
        layers = layers_of(parameters, task.widths)
        return ((values(task.activation, layers, boundary) - target) ** 2).mean()

    def of_residual(parameters: Array) -> tuple[Array, Array]:
        one = jax.value_and_grad(residual_loss)
        found: tuple[Array, Array]
        if way.chunk is None:
            found = one(parameters, interior)
            return found

        def add(total: Any, some: Array) -> tuple[Any, None]:  # noqa: ANN401
            return jax.tree.map(jnp.add, total, one(parameters, some)), None

        nothing = jnp.zeros((), parameters.dtype), jnp.zeros_like(parameters)
        chunks = interior.reshape(-1, _divisor(points, way.chunk), interior.shape[1])
        found, _ = jax.lax.scan(add, nothing, chunks)
        return found

    def both(parameters: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        residual, first = of_residual(parameters)
        misfit, second = jax.value_and_grad(boundary_loss)(parameters)
        return (residual, misfit), (first, second)

    return both


def training(both: Losses, task: Task, steps: int) -> Callable[[Array], tuple[Array, Array]]:
    """From first parameters (P,) to the last ones and the record (steps, 7)."""

    def step(state: tuple[Array, ...], number: Array) -> tuple[tuple[Array, ...], Array]:
        parameters, mean, square, before = state
        losses, (residual, boundary) = both(parameters)
        total = residual + task.lambda_b * boundary
        update, mean, square = adam(total, mean, square, number, task.learning_rate)
        lengths = [jnp.sqrt(part @ part) for part in (residual, boundary, update, before)]
        record = [
            *losses,
            lengths[0],
            lengths[1],
            residual @ boundary / (lengths[0] * lengths[1]),
            lengths[2],
            update @ before / (lengths[2] * lengths[3]),
        ]
        return (parameters + update, mean, square, update), jnp.stack(record)

    def train(start: Array) -> tuple[Array, Array]:
        zero = jnp.zeros_like(start)
        numbers = jnp.arange(1, steps + 1, dtype=start.dtype)
        (last, *_), record = jax.lax.scan(step, (start, zero, zero, zero), numbers)
        return last, record

    return train


def adam(
    gradient: Array, mean: Array, square: Array, number: Array, rate: float
) -> tuple[Array, Array, Array]:
    """The update of step ``number`` (from 1), and the new moments (Kingma and Ba 2015)."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient * gradient
    unbiased = square / (1 - 0.999**number)
    return -rate * mean / (1 - 0.9**number) / (jnp.sqrt(unbiased) + 1e-8), mean, square


def layers_of(parameters: Array, widths: tuple[int, ...]) -> Layers:
    """Weights (out, in) and biases (out,) of flat parameters (P,)."""
    layers, at = [], 0
    for inputs, outputs in pairwise(widths):
        end = at + inputs * outputs
        weight = parameters[at:end].reshape(outputs, inputs)
        layers.append((weight, parameters[end : end + outputs]))
        at = end + outputs
    return layers


def compiled(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[..., Any], float]:  # noqa: ANN401
    """A function compiled for these arguments, and the seconds that tracing and compiling took."""
    started = time.perf_counter()
    made = jax.jit(function).lower(*arguments).compile()
    return made, time.perf_counter() - started


def as_jax(tensor: Tensor) -> Array:
    """The same numbers for JAX, on its default device."""
    return jnp.asarray(tensor.detach().cpu().numpy())


def as_torch(array: Array) -> Tensor:
    """The same numbers for torch, on the CPU."""
    return torch.from_numpy(np.array(array))


def _under_vmap(function: Callable[[Array], Any], start: Array) -> Any:  # noqa: ANN401
    return jax.vmap(function)(start)


def _divisor(number: int, most: int) -> int:
    """The greatest divisor that is at most ``most``."""
    return max(each for each in range(1, most + 1) if number % each == 0)


def on_gpu() -> bool:
    """Whether JAX computes on a GPU."""
    return bool(jax.default_backend() == "gpu")
