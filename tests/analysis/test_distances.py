"""Errors of distances between sketches, with the engine's own projection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from numpy import ndarray
from scipy import stats

from analysis.distances import RELATIVE_ERROR, SHARED_ERROR, sketched
from analysis.rules import PlateauRule
from analysis.statistics import compare_ratio, run_statistics
from pinn_core.probes.sketch import Sketch

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


def test_a_ratio_of_distances_allows_for_what_all_seeds_share() -> None:
    """Ten seeds each that agree to a ten-thousandth, 0.5 % apart: sketches cannot tell that."""
    near = np.linspace(0.9999, 1.0001, 10)
    models = np.repeat(["pinn", "regression"], 10)
    runs = pd.DataFrame({"model": models, "seed": [*range(10)] * 2})
    runs["plateau.censored"] = False
    spans = {}
    for quantity in ("inside.distance", "inside.mean.update/norm"):
        runs[quantity] = np.concatenate([1.005 * near, near])
        estimate = compare_ratio(runs, quantity, "pinn", "regression").estimate
        assert estimate is not None and estimate.interval is not None
        spans[quantity] = np.log(estimate.interval)
    assert spans["inside.distance"][0] < 0 < spans["inside.mean.update/norm"][0]
    reach = np.ptp(spans["inside.distance"]) / 2
    assert reach == pytest.approx(1.96 * 2**0.5 * SHARED_ERROR, rel=0.01)


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
