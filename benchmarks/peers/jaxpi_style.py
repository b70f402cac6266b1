"""One PINN in the manner of jaxpi (Wang, Sankaran, Wang, Perdikaris 2023), in our own code.

A network of one point, derivatives by ``grad`` of ``grad`` under ``vmap``, one gradient of the
weighted sum of the losses, a jitted step in a Python loop. jaxpi's licence forbids copying its
code: none of it is here. Importing this module imports JAX.
"""

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import torch
from jax import Array
from torch import Tensor

from benchmarks.peers.jax_residuals import nested, values
from benchmarks.peers.jax_scripts import (
    Way,
    adam,
    as_jax,
    as_torch,
    compiled,
    gradients,
    layers_of,
)
from benchmarks.peers.task import PackTask

State = tuple[Array, Array, Array, Array]


class JaxpiStyle:
    """A pack of one network and the compiled step of it."""

    def __init__(self, pack: PackTask) -> None:
        if len(pack.parameters) != 1:
            raise ValueError(f"trains one network at a time, found {len(pack.parameters)}")
        self._task, self._steps = pack.task, pack.steps
        start = as_jax(pack.parameters[0])
        self._start: State = (start, jnp.zeros_like(start), jnp.zeros_like(start), jnp.ones(()))
        points = (as_jax(part) for part in (self._task.interior, self._task.boundary))
        self._batch = (*points, as_jax(self._task.target))

    @property
    def compile_seconds(self) -> float:
        """What the compilation of the step took."""
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[Any, float]:
        return compiled(self._one_step, self._start, self._batch)

    def both(self) -> tuple[Tensor, Tensor]:
        """Losses (1, 2) of residual and boundary, and gradients (1, 2, P), at the start."""
        found = gradients(self._task, Way("nested"))(self._start[0])
        losses, slopes = (torch.stack([as_torch(part) for part in pair]) for pair in found)
        return losses[None], slopes[None]

    def train(self) -> Tensor:
        """Train from the start again; the losses (steps, 1, 2) before each update."""
        step, state, found = self._compiled[0], self._start, []
        for _ in range(self._steps):
            state, losses = step(state, self._batch)
            found.append(losses)
        return torch.stack([as_torch(losses) for losses in found])[:, None]

    def _one_step(self, state: State, batch: tuple[Array, ...]) -> tuple[State, Array]:
        parameters, mean, square, number = state
        interior, boundary, target = batch

        def total(parameters: Array) -> tuple[Array, Array]:
            layers = layers_of(parameters, self._task.widths)
            residual = jnp.mean(nested(self._task.activation, layers, interior) ** 2)
            found = values(self._task.activation, layers, boundary)
            losses = jnp.stack([residual, jnp.mean((found - target) ** 2)])
            return losses @ jnp.array([1.0, self._task.lambda_b], losses.dtype), losses

        gradient, losses = jax.grad(total, has_aux=True)(parameters)
        update, mean, square = adam(gradient, mean, square, number, self._task.learning_rate)
        return (parameters + update, mean, square, number + 1), losses
