"""How the parameters of a stack are drawn at first."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.engine.stack import Stack
from pinn_core.networks.spread import spread
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch

Init = Literal["torch", "glorot", "spread"]


def drawn(stack: Stack, init: Init, seed: int) -> Float[Tensor, " p"]:
    """A stack's first parameters, float64; keyed by the seed, the rule and the widths alone.

    ``torch`` draws weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), PyTorch's default
    for linear layers; ``glorot`` draws weights from N(0, 2 / (fan_in + fan_out)) (Glorot and Bengio
    2010) and sets biases to zero, but for the encoders', which it draws as a 1 x width matrix (the
    code of Wang, Teng, Perdikaris 2021). ``spread`` draws the first hidden layer by a rule of its
    own (``pinn_core.networks.spread``), all else as ``glorot``. With gates or without, the layers
    draw the same numbers.
    """
    rng = generator(seed, f"initial/{init}/{stack.widths}")
    parts = []
    for layer, (fan_in, fan_out) in enumerate(stack.shapes):
        if init == "spread" and layer == 0:
            weights, biases = spread(fan_in, fan_out, rng)
            parts += [weights.flatten(), biases]
        else:
            parts += _layer(init, fan_in, fan_out, rng)
    for fan_in, fan_out in stack.encoder_shapes:
        weights, biases = _layer(init, fan_in, fan_out, rng)
        if init != "torch":
            biases = rng.normal(0.0, math.sqrt(2.0 / (1 + fan_out)), fan_out)
        parts += [weights, biases]
    return torch.from_numpy(np.concatenate(parts))


def _layer(init: Init, fan_in: int, fan_out: int, rng: np.random.Generator) -> list[ndarray]:
    """Weights, row by row, and biases."""
    if init == "torch":
        bound = 1.0 / math.sqrt(fan_in)
        return [rng.uniform(-bound, bound, count) for count in (fan_in * fan_out, fan_out)]
    spread = math.sqrt(2.0 / (fan_in + fan_out))
    return [rng.normal(0.0, spread, fan_in * fan_out), np.zeros(fan_out)]
