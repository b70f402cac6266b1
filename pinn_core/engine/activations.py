"""Activations with the derivatives that operators of order two and their reverse pass need."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Jet = tuple[Tensor, ...]

_INV_SQRT_2 = 1.0 / math.sqrt(2.0)
_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


def tanh(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of the hyperbolic tangent."""
    h = torch.tanh(z)
    if order == 0:
        return (h,)
    d1 = 1.0 - h * h
    if order == 1:
        return h, d1
    d2 = -2.0 * h * d1
    if order == 2:
        return h, d1, d2
    return h, d1, d2, d1 * (4.0 - 6.0 * d1)


def sin(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of the sine."""
    s = torch.sin(z)
    if order == 0:
        return (s,)
    c = torch.cos(z)
    return (s, c, -s, -c)[: order + 1]


def gelu(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of z Phi(z), Phi the normal distribution."""
    cumulative = 0.5 * (1.0 + torch.erf(z * _INV_SQRT_2))
    if order == 0:
        return (z * cumulative,)
    square = z * z
    density = torch.exp(square * -0.5) * _INV_SQRT_2PI
    jet: Jet = (z * cumulative, cumulative + z * density)
    if order == 1:
        return jet
    jet = (*jet, density * (2.0 - square))
    return jet if order == 2 else (*jet, density * z * (square - 4.0))


def silu(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of z sigma(z), sigma the logistic function."""
    s = torch.sigmoid(z)
    if order == 0:
        return (z * s,)
    d1 = s * (1.0 - s)
    jet: Jet = (z * s, s + z * d1)
    if order == 1:
        return jet
    slope = 1.0 - 2.0 * s
    d2 = d1 * slope
    jet = (*jet, 2.0 * d1 + z * d2)
    return jet if order == 2 else (*jet, 3.0 * d2 + z * d1 * (slope * slope - 2.0 * d1))


def softplus(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of log(1 + exp z)."""
    h = torch.nn.functional.softplus(z, threshold=50.0)
    if order == 0:
        return (h,)
    s = torch.sigmoid(z)
    if order == 1:
        return h, s
    d2 = s * (1.0 - s)
    return (h, s, d2) if order == 2 else (h, s, d2, d2 * (1.0 - 2.0 * s))


ACTIVATIONS: dict[str, Callable[[Tensor, int], Jet]] = {
    "tanh": tanh,
    "sin": sin,
    "gelu": gelu,
    "silu": silu,
    "softplus": softplus,
}
