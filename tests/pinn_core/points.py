"""Points inside a problem and on the segments of its boundary, drawn at random."""

from __future__ import annotations

import numpy as np

from pinn_core.problems import Problem, Segment


def inside(problem: Problem, count: int, seed: int = 0) -> np.ndarray:
    unit = np.random.default_rng(seed).uniform(size=(count, len(problem.coordinates)))
    return problem.domain.at(unit)


def drawn(segment: Segment, dimension: int, count: int = 40) -> np.ndarray:
    random = np.random.default_rng(1)
    return segment.at(random.uniform(size=(count, dimension)), random.uniform(size=count))
