"""How trained numbers become a network's weights: as they are, factorised, scaled, or with slopes.

>>> from pinn_core.engine.activations import tanh
>>> stack = Stack((2, 3, 1), tanh)
>>> Plain(stack).size, Factorised(stack).size
(13, 17)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from pinn_core.engine.stack import Stack, padded
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch

Kind = Literal["plain", "factorised", "ntk", "adaptive"]
Pullback = Callable[[Tensor], Tensor]
"""From a gradient (m, e) by the stack's parameters to one (m, p) by the trained ones."""

FACTOR_MEAN, FACTOR_SPREAD = 1.0, 0.1
"""Of s in W = diag(exp(s)) V (Wang et al. 2022, section 5; jaxpi's defaults)."""


@runtime_checkable
class Parametrization(Protocol):
    """What flat trained parameters (m, P >= size) mean to a stack."""

    identical: ClassVar[bool]
    """Whether the trained parameters are the stack's."""

    @property
    def stack(self) -> Stack:
        """The stack."""

    @property
    def size(self) -> int:
        """Number of trained parameters of one member."""

    def effective(self, theta: Float[Tensor, "m p"]) -> tuple[Float[Tensor, "m e"], Pullback]:
        """The parameters that the stack takes, and how a gradient by them goes back.

        The first is differentiable by autograd to any order in ``theta``.
        """

    def initial(self, drawn: Float[Tensor, " e"], seed: int) -> Float[Tensor, " p"]:
        """First trained parameters (float64), from the stack's own as they were drawn."""


@dataclass(frozen=True)
class Plain:
    """The trained parameters are the stack's."""

    identical: ClassVar[bool] = True

    stack: Stack

    @property
    def size(self) -> int:
        """The stack's own."""
        return self.stack.size

    def effective(self, theta: Float[Tensor, "m p"]) -> tuple[Tensor, Pullback]:
        """The parameters themselves; a gradient stays as it is."""
        return theta, lambda gradient: gradient

    def initial(self, drawn: Float[Tensor, " e"], seed: int) -> Float[Tensor, " p"]:  # noqa: ARG002
        """As drawn."""
        return drawn


@dataclass(frozen=True)
class Factorised:
    """Random weight factorisation: W = diag(exp(s)) V, one s per unit (Wang et al. 2022).

    Trained are V and the biases, in the stack's places, then all s, from first layer to last and
    encoders. s is drawn from N(1, 0.1^2) and V such that W is what was drawn.
    """

    identical: ClassVar[bool] = False

    stack: Stack

    @property
    def size(self) -> int:
        """The stack's and one number per unit."""
        return self.stack.size + sum(units for _, units in self._shapes)

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        return [*self.stack.shapes, *self.stack.encoder_shapes]

    def effective(self, theta: Float[Tensor, "m p"]) -> tuple[Tensor, Pullback]:
        """Every row of V times its exp(s)."""
        layers = [*self.stack.layers(theta), *self.stack.encoders(theta)]
        counts = [units for _, units in self._shapes]
        factors = theta[:, self.stack.size : self.size].exp().split(counts, dim=1)
        weights = [
            factor[:, :, None] * own for factor, (own, _) in zip(factors, layers, strict=True)
        ]
        parts = [
            part
            for own, (_, biases) in zip(weights, layers, strict=True)
            for part in (own.flatten(1), biases)
        ]

        def pullback(gradient: Tensor) -> Tensor:
            layers = [*self.stack.layers(gradient), *self.stack.encoders(gradient)]
            by_plain, by_factor = [], []
            for (by_weights, by_biases), own, factor in zip(layers, weights, factors, strict=True):
                by_plain += [(by_weights * factor[:, :, None]).flatten(1), by_biases]
                by_factor.append((by_weights * own).sum(2))
            return _fitted([*by_plain, *by_factor], theta.shape[1])

        return _fitted(parts, padded(self.stack.size)), pullback

    def initial(self, drawn: Float[Tensor, " e"], seed: int) -> Float[Tensor, " p"]:
        """V and biases, then s."""
        rng = generator(seed, f"initial/factors/{self.stack.widths}")
        start = torch.zeros(1, self.size, dtype=torch.float64)
        start[0, : self.stack.size] = drawn
        at = self.stack.size
        for weights, _ in [*self.stack.layers(start), *self.stack.encoders(start)]:
            units = weights.shape[1]
            s = torch.from_numpy(rng.normal(FACTOR_MEAN, FACTOR_SPREAD, units))
            weights.div_(s.exp()[:, None])
            start[0, at : at + units] = s
            at += units
        return start[0]


@dataclass(frozen=True)
class NeuralTangent:
    """Weights W / sqrt(fan_in) with W and the biases drawn from N(0, 1) (Jacot et al. 2018).

    The biases are used as they are, as in Wang, Yu, Perdikaris 2022.
    """

    identical: ClassVar[bool] = False

    stack: Stack

    @property
    def size(self) -> int:
        """The stack's own."""
        return self.stack.size

    def effective(self, theta: Float[Tensor, "m p"]) -> tuple[Tensor, Pullback]:
        """Weights divided by the root of their layer's inputs."""
        scale = _scale(self.stack, theta.shape[1], theta.dtype, theta.device)
        return theta * scale, lambda gradient: gradient * scale

    def initial(self, drawn: Float[Tensor, " e"], seed: int) -> Float[Tensor, " p"]:  # noqa: ARG002
        """Standard normal, whatever was drawn for the stack."""
        rng = generator(seed, f"initial/ntk/{self.stack.widths}")
        return torch.from_numpy(rng.standard_normal(self.stack.size))


@dataclass(frozen=True)
class AdaptiveSlopes:
    """Layer-wise adaptive activations: s(a (W x + b)), one trained slope a per activated layer.

    Jagtap, Kawaguchi, Karniadakis 2020 (L-LAAF), without their factor n (n = 1) and without the
    slope recovery term. Trained are the stack's own parameters, in its places, then the slopes of
    the hidden layers from first to last and those of the encoders, all 1 at first.
    """

    identical: ClassVar[bool] = False

    stack: Stack

    @property
    def size(self) -> int:
        """The stack's and one number per hidden layer and encoder."""
        return self.stack.size + len(self._sloped)

    @property
    def _sloped(self) -> list[int]:
        """Numbers of the layers with an activation, among the layers and then the encoders."""
        layers, encoders = len(self.stack.shapes), len(self.stack.encoder_shapes)
        return [*range(layers - 1), *range(layers, layers + encoders)]

    def effective(self, theta: Float[Tensor, "m p"]) -> tuple[Tensor, Pullback]:
        """Weights and biases of the layers with an activation, times their slope."""
        layers = self._of(theta)
        slopes = dict(
            zip(self._sloped, theta[:, self.stack.size : self.size].unbind(1), strict=True)
        )
        parts = []
        for number, (weights, biases) in enumerate(layers):
            flat = torch.cat([weights.flatten(1), biases], 1)
            parts.append(slopes[number][:, None] * flat if number in slopes else flat)

        def pullback(gradient: Tensor) -> Tensor:
            own, by_slope = [], []
            both = zip(layers, self._of(gradient), strict=True)
            for number, ((weights, biases), (by_weights, by_biases)) in enumerate(both):
                flat = torch.cat([by_weights.flatten(1), by_biases], 1)
                if number in slopes:
                    of_units = (by_weights * weights).sum(2) + by_biases * biases
                    by_slope.append(of_units.sum(1, keepdim=True))
                    flat = slopes[number][:, None] * flat
                own.append(flat)
            return _fitted([*own, *by_slope], theta.shape[1])

        return _fitted(parts, padded(self.stack.size)), pullback

    def _of(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases of the layers, then of the encoders."""
        return [*self.stack.layers(flat), *self.stack.encoders(flat)]

    def initial(self, drawn: Float[Tensor, " e"], seed: int) -> Float[Tensor, " p"]:  # noqa: ARG002
        """As drawn, then ones."""
        return torch.cat([drawn, drawn.new_ones(len(self._sloped))])


PARAMETRIZATIONS: dict[Kind, Callable[[Stack], Parametrization]] = {
    "plain": Plain,
    "factorised": Factorised,
    "ntk": NeuralTangent,
    "adaptive": AdaptiveSlopes,
}


def _fitted(parts: list[Tensor], width: int) -> Tensor:
    """The parts side by side, with zeros up to a width."""
    missing = width - sum(part.shape[1] for part in parts)
    return torch.cat([*parts, parts[0].new_zeros(len(parts[0]), missing)], dim=1)


@lru_cache(maxsize=32)
def _scale(stack: Stack, width: int, dtype: "torch.dtype", device: "torch.device") -> Tensor:
    scale = np.ones(width)
    at = 0
    for fan_in, fan_out in [*stack.shapes, *stack.encoder_shapes]:
        scale[at : at + fan_in * fan_out] = 1 / math.sqrt(fan_in)
        at += (fan_in + 1) * fan_out
    return torch.from_numpy(scale).to(device, dtype)
