"""A first hidden layer whose neurons differ in direction, steepness and place.

The rule is our own. It stands in for the structured first-layer initialisation of Tang, Yang, Zhao
and Zhu (arXiv 2507.11962, 2025), whose first-layer neurons are linearly independent up to epsilon;
we read the abstract, not their formula.
"""

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

MOST_INPUTS = 10_000
"""Sobol's sequence is known for twice as many."""


def check_inputs(inputs: int) -> None:
    """Raise ``ValueError`` where there are too many."""
    if inputs > MOST_INPUTS:
        raise ValueError(
            f"network.init spread takes up to {MOST_INPUTS} inputs, found {inputs}: "
            "allowed is glorot or torch"
        )


def spread(
    fan_in: int, fan_out: int, rng: np.random.Generator
) -> tuple[Float[ndarray, "out in"], Float[ndarray, " out"]]:
    """Weights and biases of the neurons s(g w (x - c)).

    The directions w have length 1: in turn -1 and 1 of one input, equally spaced on the half-circle
    of two, uniformly drawn of more. The steepness g is drawn log-uniformly from 1 to
    fan_out^(1 / fan_in), the centres c are points of a scrambled Sobol sequence in [-1, 1]^fan_in.
    """
    from scipy.stats import qmc  # which takes long

    sequence = qmc.Sobol(fan_in, rng=int(rng.integers(2**63)))
    centres = 2 * sequence.random_base2(math.ceil(math.log2(fan_out)))[:fan_out] - 1
    steepness = fan_out ** (rng.random(fan_out) / fan_in)
    weights = steepness[:, None] * _directions(fan_in, fan_out, rng)
    return weights, -(weights * centres).sum(1)


def _directions(dimension: int, count: int, rng: np.random.Generator) -> Float[ndarray, "n d"]:
    """Vectors of length 1."""
    if dimension == 1:
        return np.where(np.arange(count) % 2, 1.0, -1.0)[:, None]
    if dimension == 2:
        angles = np.pi * (rng.permutation(count) + rng.random()) / count
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)
    drawn = rng.standard_normal((count, dimension))
    directions: ndarray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return directions
