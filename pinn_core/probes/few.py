"""Some of a step's points, the same ones at every step and for every member."""

import numpy as np
from jaxtyping import Int

from pinn_core.discretization.discretization import FIXED_POINTS_SEED, PointSet
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch


def chosen_places(count: int, most: int, purpose: str) -> Int[Tensor, " n"]:
    """``most`` of ``count`` places, rising and drawn once; all where there are no more."""
    if count <= most:
        return torch.arange(count)
    rng = generator(FIXED_POINTS_SEED, f"points/{purpose}/{count}")
    return torch.from_numpy(np.sort(rng.choice(count, most, replace=False)))


def at_places(point_set: PointSet, places: Int[Tensor, " n"]) -> PointSet:
    """The points in these places, whether members share the points or draw their own."""
    places = places.to(point_set.coordinates.device)
    if point_set.rows is not None:
        return point_set.at(point_set.rows[:, places])
    return PointSet({name: table[:, places] for name, table in point_set.tables.items()})
