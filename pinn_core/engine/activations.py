"""Activations with the derivatives that operators of order two and their reverse pass need."""

import math
from collections.abc import Callable
from functools import wraps

from pinn_core.parts import Family
from pinn_core.tensors import Tensor, torch

Jet = tuple[Tensor, ...]
"""A function's value and derivatives at points, from order 0 on."""
Activation = Callable[[Tensor, int], Jet]
"""Gives the jet at z up to an order from 0 to 3, elementwise."""

ACTIVATIONS: Family[Activation] = Family("activation")
"""Functions of that kind, by the name that a network's ``activation`` says."""

MOST_ORDER = 3
_INV_SQRT_2 = 1.0 / math.sqrt(2.0)
_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


@ACTIVATIONS.register("tanh")
def tanh(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of the hyperbolic tangent.

    When to use: The activation of most papers on PINNs; bounded and smooth.
    """
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


@ACTIVATIONS.register("sin")
def sin(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of the sine.

    When to use: For oscillating solutions.
    """
    s = torch.sin(z)
    if order == 0:
        return (s,)
    c = torch.cos(z)
    return (s, c, -s, -c)[: order + 1]


@ACTIVATIONS.register("gelu")
def gelu(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of z Phi(z), Phi the normal distribution.

    When to use: The default, and that of the plateau paper.
    """
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


@ACTIVATIONS.register("silu")
def silu(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of z sigma(z), sigma the logistic function.

    When to use: A smooth activation of the same shape as ``gelu``.
    """
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


@ACTIVATIONS.register("softplus")
def softplus(z: Tensor, order: int) -> Jet:
    """Value and derivatives up to ``order`` (0 to 3) of log(1 + exp z).

    When to use: A smooth counterpart of the rectifier.
    """
    h = torch.nn.functional.softplus(z, threshold=50.0)
    if order == 0:
        return (h,)
    s = torch.sigmoid(z)
    if order == 1:
        return h, s
    d2 = s * (1.0 - s)
    return (h, s, d2) if order == 2 else (h, s, d2, d2 * (1.0 - 2.0 * s))


def by_autograd(value: Callable[[Tensor], Tensor]) -> Activation:
    """The activation whose value is a smooth function of z, elementwise in plain torch.

    Its derivatives are made by automatic differentiation: several times slower than written ones,
    and never native.

    >>> snake = by_autograd(lambda z: z + torch.sin(z) ** 2)
    >>> [part.item() for part in snake(torch.zeros(1), 2)]
    [0.0, 1.0, 2.0]
    """
    functions = [value]
    for _ in range(MOST_ORDER):
        functions.append(_derivative(functions[-1]))

    @wraps(value)
    def jet(z: Tensor, order: int) -> Jet:
        return tuple(function(z) for function in functions[: order + 1])

    return jet


def _derivative(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def derived(z: Tensor) -> Tensor:
        slope: Tensor = torch.func.grad(lambda points: function(points).sum())(z)
        return slope

    return derived
