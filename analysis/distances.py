"""How exact distances are that come from sketches, and what that does to an interval over seeds.

A sketch (`pinn_core.sketch`) is a random projection of the parameters to 512 numbers. A squared
distance between two sketches is right on average, with a relative variance of at most 2 / 512 (none
where a network has no more than 512 parameters). A distance is its root: half that relative error.

All runs of networks of one size are projected alike, so that the errors of two runs are
correlated, by cos^2 of the angle between their displacements. Those of different seeds are all but
orthogonal: for six PINNs and six regression models (heat equation, 64 x 3, Adam, steps 0, 40, 120
and 240) the mean cos^2 between seeds was 0.001 to 0.003, of which 1 / 512 is the error of measuring
it by sketches. So the errors of single runs are independent, the spread over seeds contains them,
and an interval made of that spread covers the truth. What the seeds share it does not show:
`widened` adds it. `update/distance`, from the initial parameters, is exact.
"""

from __future__ import annotations

from math import exp, hypot, log, sqrt

from pinn_core.trajectory import SKETCH_SIZE

RELATIVE_ERROR = 1 / sqrt(2 * SKETCH_SIZE)
"""The relative standard error of one run's distance, at most: 3.1 %."""
ALIKE = 0.1
"""The root mean square cosine between displacements of different seeds that is allowed for."""
SHARED_ERROR = ALIKE * RELATIVE_ERROR
"""The relative standard error of a mean over however many seeds: what they share, 0.31 %."""
DEVIATIONS = 1.96
"""Of a normal error, to either side of a 95 % interval."""

Interval = tuple[float, float]


def sketched(quantity: str) -> bool:
    """Whether a quantity of `analysis.statistics` is a distance between sketches.

    >>> [sketched(quantity) for quantity in ("inside.distance_per_step", "final.update/distance")]
    [True, False]
    """
    part, _, name = quantity.partition(".")
    return part in ("inside", "after") and name in ("distance", "distance_per_step")


def widened(interval: Interval, number: float, models: int = 1) -> Interval:
    """The 95 % interval of a positive number with the error that the sketches of all seeds share.

    `number` is an average over one model's seeds, or the ratio of two such (`models=2`). This error
    and the interval's own are independent: on a logarithmic scale the squares of the reaches add.

    >>> "{:.4f}, {:.4f}".format(*widened((1.0005, 1.0395), 1.02, models=2))
    '0.9986, 1.0415'
    """
    low, high = interval
    shared = DEVIATIONS * SHARED_ERROR * sqrt(models)
    below = hypot(log(number / low), shared) if low > 0 else float("inf")
    return number * exp(-below), number * exp(hypot(log(high / number), shared))
