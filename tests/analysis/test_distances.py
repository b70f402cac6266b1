"""Errors of distances between sketches, with the engine's own projection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from numpy import ndarray
from scipy import stats

from analysis.distances import RELATIVE_ERROR, SHARED_ERROR, sketched, widened
from analysis.plateau import PlateauRule
from analysis.statistics import run_statistics
from pinn_core.sketch import Sketch

SIZE = 2100


def errors(displacements: ndarray, size: int = SIZE) -> ndarray:
    """Relative errors of the lengths of displacements (n, size) in one sketch."""
    exact = np.linalg.norm(displacements, axis=1)
    found = Sketch(size)(torch.from_numpy(displacements)).double().numpy()
    relative: ndarray = np.linalg.norm(found, axis=1) / exact - 1
    return relative


def drawn(count: int, size: int = SIZE, seed: int = 0) -> ndarray:
    return np.random.default_rng(seed).standard_normal((count, size))


def test_a_runs_distance_has_the_relative_error_that_is_named() -> None:
    found = errors(drawn(2000))
    assert found.std() == pytest.approx(RELATIVE_ERROR, rel=0.1)
    assert abs(found.mean()) < 0.002
    assert np.abs(errors(drawn(5, size=512), size=512)).max() < 1e-6


@pytest.mark.parametrize("cosine", [0.0, 0.7])
def test_errors_of_two_runs_are_as_correlated_as_cos_squared(cosine: float) -> None:
    """Over 20 projections, those of different sizes; pairs of displacements at that angle."""
    pairs = []
    for size in range(SIZE, SIZE + 20):
        one, other = drawn(100, size, 2 * size), drawn(100, size, 2 * size + 1)
        turned = cosine * one + (1 - cosine**2) ** 0.5 * other
        pairs.append([errors(one, size), errors(turned, size)])
    first, second = np.concatenate(pairs, axis=1)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(cosine**2, abs=0.05)


def test_the_spread_over_seeds_contains_the_errors_of_single_runs() -> None:
    """Runs that all went equally far: Student's interval of the mean covers the true distance."""
    covered: list[bool] = []
    for size in range(SIZE, SIZE + 40):
        samples = 1 + errors(drawn(10 * 25, size, size), size).reshape(25, 10)
        reach = stats.t.ppf(0.975, 9) * stats.sem(samples, axis=1)
        covered.extend(np.abs(samples.mean(axis=1) - 1) <= reach)
    assert 0.93 < np.mean(covered) < 0.97


def test_an_interval_is_widened_by_what_all_seeds_share() -> None:
    low, high = widened((0.9, 1.2), 1.0)
    assert 0.899 < low < 0.9 and 1.2 < high < 1.201  # wide: the spread over seeds decides
    low, high = widened((2.0, 2.0), 2.0, models=2)
    assert np.log(high / 2) == pytest.approx(1.96 * 2**0.5 * SHARED_ERROR)
    assert low * high == pytest.approx(4)
    assert widened((1.004, 1.006), 1.005, models=2)[0] < 1  # too close to 1 to be decided
    assert widened((0.0, 1.0), 0.5)[0] == 0


def test_the_quantities_that_come_from_sketches_are_known(
    trajectory: Callable[..., pd.DataFrame],
) -> None:
    quantities = run_statistics(trajectory(), PlateauRule(spans=()))
    assert {name for name in quantities if sketched(name)} == {
        "inside.distance",
        "inside.distance_per_step",
        "after.distance",
        "after.distance_per_step",
    }
