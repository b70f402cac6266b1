"""Where the points of every step come from, one file for each way."""

from pinn_core.parts import import_parts
from pinn_core.samplers.causal_r3 import CausalR3
from pinn_core.samplers.drawn import Latin, SobolPoints, Uniform
from pinn_core.samplers.grid import GridPoints
from pinn_core.samplers.observed import with_observations
from pinn_core.samplers.r3 import R3
from pinn_core.samplers.rar_d import RarD
from pinn_core.samplers.residual_based import ResidualBased
from pinn_core.samplers.sampler import (
    SAMPLERS,
    Ahead,
    Asked,
    Batch,
    Batches,
    Foreseeing,
    Heeding,
    Sampler,
    foresees,
)

import_parts(__name__, __path__)

__all__ = [
    "R3",
    "SAMPLERS",
    "Ahead",
    "Asked",
    "Batch",
    "Batches",
    "CausalR3",
    "Foreseeing",
    "GridPoints",
    "Heeding",
    "Latin",
    "RarD",
    "ResidualBased",
    "Sampler",
    "SobolPoints",
    "Uniform",
    "foresees",
    "with_observations",
]
