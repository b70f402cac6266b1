"""jinns (Gangloff and Jouvin 2024) as its documentation shows: ``jinns.solve`` and its own losses.

Importing this module imports jinns, and with it JAX, and raises ``ImportError`` without them. The
points stand in a data generator of jinns, those of the boundary as observations. A step is one
gradient of the weighted sum, optax's Adam, and both losses kept. ``solve`` runs inside ``jit``.
"""

from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jinns
import optax
from jax import Array
from torch import Tensor

from benchmarks.peers.jax_residuals import ACTIVATIONS
from benchmarks.peers.jax_scripts import as_jax, as_torch, compiled, layers_of
from benchmarks.peers.task import PackTask, Task


class Jinns:
    """A pack of one network and the compiled training of it."""

    def __init__(self, pack: PackTask) -> None:
        if len(pack.parameters) != 1:
            raise ValueError(f"trains one network at a time, found {len(pack.parameters)}")
        task = self._task = pack.task
        self._start = as_jax(pack.parameters[0])
        self._network, self._empty = jinns.nn.PINN_MLP.create(
            eq_type="PDEStatio", key=jax.random.key(0), eqx_list=_layers(task)
        )
        weights = {"dyn_loss": 1.0, "observations": task.lambda_b}
        self._loss = jinns.loss.LossPDEStatio(
            u=self._network,
            dynamic_loss=Heat(),
            boundary_condition=None,
            loss_weights=jinns.loss.LossWeightsPDEStatio(**weights),
            params=self._params(self._start),
        )
        self._observations = jinns.data.DataGeneratorObservations(
            key=jax.random.key(0),
            observed_pinn_in=as_jax(task.boundary),
            observed_values=as_jax(task.target),
        )
        self._data = _points(as_jax(task.interior))  # equinox makes none under a trace
        self._steps = pack.steps

    @property
    def compile_seconds(self) -> float:
        """What the compilation of the training took."""
        return self._compiled[1]

    @cached_property
    def _compiled(self) -> tuple[Any, float]:
        return compiled(self._solve, self._start)

    def both(self) -> tuple[Tensor, Tensor]:
        """Losses (1, 2) of residual and boundary, and gradients (1, 2, P), at the start."""
        batch = self._data.get_batch()[1]
        observed = self._observations.get_batch()[1]
        batch = jinns.data.append_obs_batch(batch, observed)

        def losses(parameters: Array) -> Array:
            terms = self._loss.evaluate(self._params(parameters), batch)[1]
            return _pair(terms)

        found = losses(self._start), jax.jacrev(losses)(self._start)
        values, slopes = (as_torch(part)[None] for part in found)
        return values, slopes

    def train(self) -> Tensor:
        """Train from the start again; the losses (steps, 1, 2) before each update."""
        return as_torch(jax.block_until_ready(self._compiled[0](self._start)))[:, None]

    def _solve(self, start: Array) -> Array:
        solved = jinns.solve(
            n_iter=self._steps,
            init_params=self._params(start),
            data=self._data,
            loss=self._loss,
            optimizer=optax.adam(self._task.learning_rate),
            obs_data=self._observations,
            verbose=False,
            ahead_of_time=False,
        )
        return _pair(solved[2])

    def _params(self, parameters: Array) -> Any:  # noqa: ANN401
        def places(network: Any) -> list[Array]:  # noqa: ANN401
            linear = [layer for layer in network.layers if isinstance(layer, eqx.nn.Linear)]
            return [part for layer in linear for part in (layer.weight, layer.bias)]

        parts = [part for pair in layers_of(parameters, self._task.widths) for part in pair]
        return jinns.parameters.Params(eqx.tree_at(places, self._empty, parts), {})


class Heat(jinns.loss.PDEStatio):  # type: ignore[misc]
    """u_xx + u_yy - u_t, with jinns's own way to a Laplacian: the trace of a Hessian."""

    def equation(self, point: Array, u: Any, params: Any) -> Array:  # noqa: ANN401
        """The residual (1,) at one point (x, y, t)."""

        def value(point: Array) -> Array:
            return u(point, params)[0]

        def at(place: Array) -> Array:
            return value(jnp.concatenate([place, point[2:]]))

        return jnp.trace(jax.hessian(at)(point[:2])) - jax.grad(value)(point)[2:]


def _points(points: Array) -> Any:  # noqa: ANN401
    """A generator of these points and no others, all in every batch."""
    made = jinns.data.CubicMeshPDEStatio(
        key=jax.random.key(0), n=len(points), dim=3, min_pts=(0.0,) * 3, max_pts=(1.0,) * 3
    )
    return eqx.tree_at(lambda data: data.omega, made, points)


def _layers(task: Task) -> tuple[tuple[Any, ...], ...]:
    pairs = list(zip(task.widths, task.widths[1:], strict=False))
    made: list[tuple[Any, ...]] = []
    for pair in pairs:
        made += [(eqx.nn.Linear, *pair), (ACTIVATIONS[task.activation],)]
    return tuple(made[:-1])


def _pair(terms: Any) -> Array:  # noqa: ANN401
    """The losses of residual and observations, (..., 2); jinns keeps them in tuples and columns."""
    parts = [jax.tree.leaves(part)[0] for part in (terms.dyn_loss, terms.observations)]
    return jnp.stack([jnp.squeeze(part, -1) if part.ndim > 1 else part for part in parts], -1)
