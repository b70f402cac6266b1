"""The observations of the inverse studies; ``write`` makes their files again.

They are values of the problems' own references, without noise; a study adds its noise by the seed.
"""

from pathlib import Path

import numpy as np
from numpy import ndarray

from pinn_core import Mlp
from pinn_core.discretization.discretization import Discretization
from pinn_core.problems import BurgersInverse, ConductivityInverse, KineticsInverse
from pinn_core.problems.conductivity_inverse import solution
from pinn_core.randomness import generator

DIGITS = 9
"""Significant digits, more than float32 has."""
SENSORS, SEEN = 10, 200
"""Temperatures at t = 1, and points at which both concentrations are seen."""


def burgers() -> tuple[str, ndarray]:
    """The field at the 2 000 points at which the equation is trained, too."""
    disc = Discretization(BurgersInverse(interior_points=2000), Mlp(width=2, depth=1), "float64")
    tables = (disc.collocation.coordinates[0], disc.collocation["exact"][0])
    return "x,t,u", np.hstack([table.numpy() for table in tables])


def conductivity() -> tuple[str, ndarray]:
    """The temperature at ten places when t = 1."""
    domain = ConductivityInverse().domain
    places = np.linspace(domain.low[0], domain.high[0], SENSORS)
    points = np.stack([places, np.ones(SENSORS)], axis=1)
    return "x,t,u", np.hstack([points, solution(points)])


def kinetics() -> tuple[str, ndarray]:
    """Both concentrations at random points of the grid."""
    interior = KineticsInverse().grid().interior
    rng = generator(0, "observations/kinetics")
    rows = np.sort(rng.choice(len(interior.coordinates), SEEN, replace=False))
    return "x,t,a,b", np.hstack([interior.coordinates[rows], interior.exact[rows]])


FILES = {
    "burgers-identification.csv": burgers,
    "conductivity-sensors.csv": conductivity,
    "reaction-rates.csv": kinetics,
}
"""What each file holds."""


STUDIES = Path(__file__).parents[1] / "sweeps" / "studies"
"""Where the studies that name the files lie."""


def write() -> None:
    """Write all files beside the studies."""
    for name, made in FILES.items():
        header, table = made()
        np.savetxt(STUDIES / name, table, f"%.{DIGITS}g", ",", header=header, comments="")
