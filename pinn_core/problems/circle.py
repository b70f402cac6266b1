"""What problems on a circle share: a start, and fields that are alike one period apart."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.problems.conditions import Box, Condition, Conditions, Entry, Segment, Target


def started_on_circle(
    strip: Box, started: Target, at_first: Sequence[Entry], alike: Sequence[Entry]
) -> Conditions:
    """Conditions on a strip of x and t whose ends in x are one place.

    At the strip's first time the entries ``at_first`` have the values ``started`` (n, q) of points
    (n, 2); at all times the entries ``alike`` are the same at both ends.
    """
    start = Segment((strip.face(1, strip.low[1]),), started)
    side = Segment((strip.face(0, strip.low[0]),), partial(no_difference, len(alike)))
    shift = (float(strip.extent[0]), 0.0)
    return {
        "initial": Condition((start,), tuple(at_first)),
        "periodic": Condition((side,), tuple(alike), shift=shift),
    }


def no_difference(count: int, points: Float[ndarray, "n 2"]) -> Float[ndarray, "n q"]:
    """So many zeros at every point."""
    return np.zeros((len(points), count))


def circle_grid_size(points_x: int, points_t: int) -> tuple[int, int]:
    """Interior and supervised points of a grid without points at the far end in x."""
    inside = (points_x - 1) * (points_t - 1)
    return inside, points_x * points_t - inside
