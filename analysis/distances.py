"""How exact distances are that come from sketches, and what that does to an interval over seeds.

A sketch (`pinn_core.probes.sketch`) is a random projection of the parameters to 512 numbers. A
squared distance between two sketches is right on average, with a relative variance of at most
2 / 512 (none where a network has no more than 512 parameters). A distance is its root: half that
relative error.

All runs of networks of one size are projected alike, so that the errors of two runs are
correlated, by cos^2 of the angle between their displacements. Those of different seeds are all but
orthogonal: for six PINNs and six regression models (heat equation, 64 x 3, Adam, steps 0, 40, 120
and 240) the mean cos^2 between seeds was 0.001 to 0.003, of which 1 / 512 is the error of measuring
it by sketches. So the errors of single runs are independent, the spread over seeds contains them,
and an interval made of that spread covers the truth. What the seeds share it does not show:
comparisons of distances add `SHARED_ERROR` of both models (`analysis.estimates.ratio`).
`update/distance`, from the initial parameters, is exact.
"""

from __future__ import annotations

from math import sqrt

from pinn_core.records.trajectory import SKETCH_SIZE

RELATIVE_ERROR = 1 / sqrt(2 * SKETCH_SIZE)
"""The relative standard error of one run's distance, at most: 3.1 %."""
ALIKE = 0.1
"""The root mean square cosine between displacements of different seeds that is allowed for."""
SHARED_ERROR = ALIKE * RELATIVE_ERROR
"""The relative standard error of a mean over however many seeds: what they share, 0.31 %."""


def sketched(quantity: str) -> bool:
    """Whether a quantity of `analysis.statistics` is a distance between sketches.

    >>> [sketched(quantity) for quantity in ("inside.distance_per_step", "final.update/distance")]
    [True, False]
    """
    part, _, name = quantity.partition(".")
    return part in ("inside", "after") and name in ("distance", "distance_per_step")
