"""The residual u_xx + u_yy - u_t of a perceptron at points (n, 3), four ways, in plain JAX.

Importing this module imports JAX and raises ``ImportError`` without it. ``layers`` are pairs of a
weight (out, in) and a bias (out,). The last two ways carry four channels through the layers: the
value, its derivatives by x and y, and the residual's operator applied to it.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

Layers = list[tuple[Array, Array]]
Residual = Callable[[str, Layers, Array], Array]
"""(activation, layers, points (n, 3)) -> (n,)"""

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "sin": jnp.sin,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
}


def values(activation: str, layers: Layers, points: Array) -> Array:
    """The network's output (..., 1) at points (..., 3)."""
    h = points
    for weight, bias in layers[:-1]:
        h = ACTIVATIONS[activation](h @ weight.T + bias)
    weight, bias = layers[-1]
    return h @ weight.T + bias


def nested(activation: str, layers: Layers, points: Array) -> Array:
    """Gradients of gradients of u(x, y, t), point by point under ``vmap``."""

    def u(x: Array, y: Array, t: Array) -> Array:
        return values(activation, layers, jnp.stack([x, y, t]))[0]

    def at(point: Array) -> Array:
        of_xx, of_yy = (jax.grad(jax.grad(u, axis), axis)(*point) for axis in (0, 1))
        return of_xx + of_yy - jax.grad(u, 2)(*point)

    return jax.vmap(at)(points)


def jvp_of_jvp(activation: str, layers: Layers, points: Array) -> Array:
    """Forward mode twice, all points in one product."""

    def along(function: Callable[[Array], Array], axis: int) -> Callable[[Array], Array]:
        def slope(at: Array) -> Array:
            return jax.jvp(function, (at,), (jnp.zeros_like(at).at[:, axis].set(1),))[1]

        return slope

    u = partial(values, activation, layers)
    of_xx, of_yy = (along(along(u, axis), axis)(points) for axis in (0, 1))
    return (of_xx + of_yy - along(u, 2)(points))[:, 0]


def apart(activation: str, layers: Layers, points: Array) -> Array:
    """Four channels (n, width), a matrix product for each."""
    (weight, bias), *hidden, (last, _) = layers
    x, y, t = weight.T
    h, first, second = _jet(activation, points @ weight.T + bias)
    of_x, of_y, of_p = first * x, first * y, second * (x * x + y * y) - first * t
    for weight, bias in hidden:
        of_x, of_y, of_p = of_x @ weight.T, of_y @ weight.T, of_p @ weight.T
        h, first, second = _jet(activation, h @ weight.T + bias)
        of_p = first * of_p + second * (of_x * of_x + of_y * of_y)
        of_x, of_y = first * of_x, first * of_y
    return (of_p @ last.T)[:, 0]


def joined(activation: str, layers: Layers, points: Array) -> Array:
    """Four channels side by side (width, 4 n), one matrix product for all."""
    (weight, bias), *hidden, (last, _) = layers
    x, y, t = weight.T[:, :, None]
    h, first, second = _jet(activation, weight @ points.T + bias[:, None])
    channels = [h, first * x, first * y, second * (x * x + y * y) - first * t]
    for weight, bias in hidden:
        z, of_x, of_y, of_p = jnp.split(weight @ jnp.concatenate(channels, 1), 4, axis=1)
        h, first, second = _jet(activation, z + bias[:, None])
        of_p = first * of_p + second * (of_x * of_x + of_y * of_y)
        channels = [h, first * of_x, first * of_y, of_p]
    return (last @ channels[3])[0]


RESIDUALS: dict[str, Residual] = {
    "nested": nested,
    "jvp": jvp_of_jvp,
    "apart": apart,
    "joined": joined,
}


def _jet(activation: str, z: Array) -> tuple[Array, Array, Array]:
    """Value, first and second derivative, as one writes them by hand."""
    if activation == "tanh":
        h = jnp.tanh(z)
        first = 1 - h * h
        return h, first, -2 * h * first
    if activation == "sin":
        h = jnp.sin(z)
        return h, jnp.cos(z), -h
    if activation == "gelu":
        cumulative = 0.5 * (1 + jax.lax.erf(z * 0.5**0.5))
        density = jnp.exp(-0.5 * z * z) * (2 * jnp.pi) ** -0.5
        return z * cumulative, cumulative + z * density, density * (2 - z * z)
    logistic = jax.nn.sigmoid(z)
    slope = logistic * (1 - logistic)
    if activation == "softplus":
        return jax.nn.softplus(z), logistic, slope
    return z * logistic, logistic + z * slope, slope * (2 + z * (1 - 2 * logistic))
