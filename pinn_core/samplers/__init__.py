"""Where the points of every step come from, one file for each way."""

from pinn_core.parts import import_parts
from pinn_core.samplers.drawn import Latin, SobolPoints, Uniform
from pinn_core.samplers.grid import GridPoints
from pinn_core.samplers.observed import with_observations
from pinn_core.samplers.residual_based import ResidualBased
from pinn_core.samplers.sampler import (
    SAMPLERS,
    Ahead,
    Asked,
    Batch,
    Batches,
    Foreseeing,
    Sampler,
    foresees,
)

import_parts(__name__, __path__)

__all__ = [
    "SAMPLERS",
    "Ahead",
    "Asked",
    "Batch",
    "Batches",
    "Foreseeing",
    "GridPoints",
    "Latin",
    "ResidualBased",
    "Sampler",
    "SobolPoints",
    "Uniform",
    "foresees",
    "with_observations",
]
