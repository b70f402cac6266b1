"""Coordinates shifted and scaled: the input normalisation of Wang, Teng, Perdikaris 2021.

Their code takes mean and standard deviation of 10^5 uniform points of the domain; here they are
exact.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pinn_core.engine.features import Features
from pinn_core.inputs.inputs import INPUTS, Inputs
from pinn_core.problems import Problem

CENTRES = {"standard": (0.0, 12**-0.5), "symmetric": (0.0, 0.5), "unit": (0.5, 1.0)}
"""Where the middle of the domain goes, and how much of an axis becomes 1."""


@INPUTS.register("scaled")
@dataclass(frozen=True, kw_only=True)
class Scaled(Inputs):
    """Every coordinate shifted and scaled by the domain's extent along it.

    ``standard`` gives mean 0 and standard deviation 1 over the domain (the uniform distribution's
    is extent / sqrt(12)), ``symmetric`` the interval [-1, 1], ``unit`` [0, 1]. Of a shape its
    bounding box is taken.

    When to use: Where axes have different lengths or do not lie around 0; a cheap remedy to try
    early.

        >>> from pinn_core.problems import Heat
        >>> Scaled(to="symmetric").features(Heat()).phases
        (-1.0, -1.0, -1.0)
    """

    to: Literal["standard", "symmetric", "unit"] = "standard"
    """Where every axis is brought: mean 0 and standard deviation 1, [-1, 1], or [0, 1]."""

    def features(self, problem: Problem) -> Features:
        """One per coordinate, affine: derivatives are rescaled and the network stays plain."""
        box = problem.domain
        centre, share = CENTRES[self.to]
        scale = 1.0 / (share * box.extent)
        phases = centre - scale * (np.add(box.low, box.high) / 2)
        directions = tuple(tuple(row) for row in np.diag(scale).tolist())
        return Features(directions, tuple(phases.tolist()))
