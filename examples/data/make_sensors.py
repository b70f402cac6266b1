"""Make sensors.csv: what six sensors saw of a population that grows and spreads (Fisher-KPP).

The values are the numerical solution, rounded as an instrument would. ``python make_sensors.py``
writes the file that is here anew.
"""

import csv
from pathlib import Path

import numpy as np

from pinn_core.problems import ReactionDiffusion

SEED = 7
SENSORS, READINGS = 6, 25
PROBLEM = ReactionDiffusion(points_x=64, points_t=51, nu=0.5, rho=5.0)


def readings() -> list[tuple[float, float, float]]:
    """Place, time and value of every reading, a sensor in each stretch; none before t = 0.1."""
    grid = PROBLEM.grid()
    known = np.concatenate([grid.interior.coordinates, grid.supervised.coordinates])
    values = np.concatenate([grid.interior.exact, grid.supervised.exact])[:, 0]
    rng = np.random.default_rng(SEED)
    stretches = np.array_split(np.unique(known[:, 0]), SENSORS)
    places = [rng.choice(stretch) for stretch in stretches]
    times = np.unique(known[known[:, 1] >= 0.1, 1])
    found = []
    for place in places:
        at = known[:, 0] == place
        for time in np.sort(rng.choice(times, READINGS, replace=False)):
            value = values[at & (known[:, 1] == time)][0]
            found.append((round(place, 6), round(time, 6), round(value, 4)))
    return found


if __name__ == "__main__":
    with Path(__file__).with_name("sensors.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("place", "hour", "population"))
        writer.writerows(readings())
