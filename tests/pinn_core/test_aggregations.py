"""Aggregations and the cone against their papers' definitions, on explicit gradients."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from scipy.optimize import minimize, nnls

from pinn_core.aggregations import AGGREGATIONS, IMTLG, CAGrad, ConFIG, PCGrad, UPGrad
from pinn_core.randomness import generator
from pinn_core.vectors.cone import multipliers
from pinn_core.vectors.gramian import combined, gramian_of, solved

KINDS = ("cagrad", "config", "imtl_g", "pcgrad", "sum", "upgrad")
SEED, STEP = 7, 3


def rows(terms: int, seed: int, size: int = 6) -> ndarray:
    """Gradients of one member (t, P), of lengths that differ by two orders of magnitude."""
    table = np.random.default_rng(seed).standard_normal((terms, size))
    return table * np.logspace(-1, 1, terms)[:, None]


def conflicting(terms: int, seed: int) -> ndarray:
    """Gradients of which each conflicts with the first."""
    table = rows(terms, seed)
    table[1:] -= (1.2 * np.abs(table[1:] @ table[0]) / (table[0] @ table[0]))[:, None] * table[0]
    return table


def weights(aggregation: Any, members: list[ndarray]) -> ndarray:
    gramian = np.stack([own @ own.T for own in members])
    settings = {
        name: np.full((len(members), 1), getattr(aggregation, name))
        for name in aggregation.per_member
    }
    found: ndarray = aggregation.weights(settings, gramian, [SEED] * len(members), STEP)
    return found


def direction(aggregation: Any, own: ndarray) -> ndarray:
    return weights(aggregation, [own])[0] @ own


def cosines(own: ndarray, along: ndarray) -> ndarray:
    return own @ along / np.linalg.norm(own, axis=1) / np.linalg.norm(along)


def unit(vector: ndarray) -> ndarray:
    return vector / np.linalg.norm(vector)


CASES = [conflicting(2, 0), conflicting(3, 1), rows(3, 2), rows(5, 3)]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        (PCGrad(), [0.5848, 3.8012, 3.8012]),
        (UPGrad(), [0.2929, 1.9004, 1.9004]),
        (CAGrad(c=0.5), [0.1835, 1.2041, 1.2041]),
        (IMTLG(), [0.0767, 1.0000, 1.0000]),
        (ConFIG(), [0.1588, 2.0706, 2.0706]),
    ],
)
def test_the_example_of_torchjds_pages_has_the_numbers_they_give(
    aggregation: Any, expected: list[float]
) -> None:
    own = np.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])
    assert np.allclose(direction(aggregation, own), expected, atol=1e-3)  # theirs is regularised


@pytest.mark.parametrize("own", CASES)
def test_config_is_its_formula_and_has_equal_positive_cosines(own: ndarray) -> None:
    units = np.stack([unit(row) for row in own])
    along = unit(np.linalg.pinv(units) @ np.ones(len(own)))
    found = direction(ConFIG(), own)
    assert np.allclose(found, (own @ along).sum() * along)
    assert np.ptp(cosines(own, found)) < 1e-12
    assert (own @ found > 0).all()


def test_config_of_two_gradients_is_the_closed_form() -> None:
    first, second = own = conflicting(2, 5)
    across = [unit(a - a @ unit(b) * unit(b)) for a, b in ((first, second), (second, first))]
    along = unit(sum(across))
    assert np.allclose(direction(ConFIG(), own), (own @ along).sum() * along)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("make", [conflicting, rows])
def test_config_of_two_gradients_is_dual_cone_descent_along_the_center(
    make: Any, seed: int
) -> None:
    """The sum projected on the bisector (Hwang and Lim, NeurIPS 2024)."""
    own = make(2, seed)
    center = unit(own[0]) + unit(own[1])
    expected = own.sum(0) @ center / (center @ center) * center
    assert np.allclose(direction(ConFIG(), own), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("own", CASES)
def test_pcgrad_is_algorithm_1_in_the_order_that_seed_and_step_give(own: ndarray) -> None:
    count = len(own)
    table = np.tile(np.arange(count), (count, 1))
    orders = generator(SEED, "aggregation/pcgrad", STEP).permuted(table, axis=1)
    total = np.zeros(own.shape[1])
    for i, order in enumerate(orders):
        changed = own[i].copy()
        for j in order:
            if j != i and changed @ own[j] < 0:
                changed -= changed @ own[j] / (own[j] @ own[j]) * own[j]
        total += changed
    assert np.allclose(direction(PCGrad(), own), total)


def projected(own: ndarray, point: ndarray, metric: ndarray | None = None) -> ndarray:
    """The cone's point nearest to another, by NNLS on the dual, with the whole vectors."""
    scale = np.ones_like(point) if metric is None else metric
    found = nnls((own / np.sqrt(scale)).T, -point * np.sqrt(scale))[0]
    return point + found @ own / scale


@pytest.mark.parametrize("own", CASES)
def test_upgrad_is_the_mean_of_projections_onto_the_cone(own: ndarray) -> None:
    expected = np.mean([projected(own, row) for row in own], axis=0)
    found = direction(UPGrad(), own)
    assert np.allclose(found, expected)
    assert (cosines(own, found) > -1e-12).all()


@pytest.mark.parametrize("own", CASES)
def test_cagrad_minimises_the_papers_dual(own: ndarray) -> None:
    mean = own.mean(axis=0)
    radius = 0.4 * np.linalg.norm(mean)

    def dual(weights: ndarray) -> float:
        along = weights @ own
        return float(along @ mean + radius * np.linalg.norm(along))

    count = len(own)
    starts = [np.full(count, 1 / count), *np.eye(count) * 0.98 + 0.02 / count]
    one = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    bounds = [(0.0, 1.0)] * count
    options = {"ftol": 1e-14, "maxiter": 500}
    least = min(
        float(minimize(dual, start, bounds=bounds, constraints=one, options=options).fun)
        for start in starts
    )
    found = direction(CAGrad(c=0.4), own)
    assert np.linalg.norm(found - mean) < radius * (1 + 1e-9)
    assert np.isclose((own @ found).min(), least, rtol=1e-6)  # the primal's value is the dual's


@pytest.mark.parametrize("own", CASES)
def test_imtl_g_projects_on_all_gradients_alike(own: ndarray) -> None:
    share = weights(IMTLG(), [own])[0]
    units = np.stack([unit(row) for row in own])
    along = units @ (share @ own)
    assert np.isclose(share.sum(), 1) and np.allclose(along, along[0])


@pytest.mark.parametrize(("count", "seed"), [(2, 0), (3, 0), (3, 4), (5, 0), (6, 1)])
def test_multipliers_are_the_best_of_all_active_sets(count: int, seed: int) -> None:
    own, point = rows(count, seed), np.random.default_rng(seed + 50).standard_normal(6)
    metric = np.logspace(-3, 1, 6)
    gramian, products = own / metric @ own.T, own @ point
    best, least = np.zeros(count), 0.0
    for chosen in product([False, True], repeat=count):
        active = np.flatnonzero(chosen)
        found = np.zeros(count)
        found[active] = np.linalg.lstsq(
            gramian[np.ix_(active, active)], -products[active], rcond=None
        )[0]
        value = found @ gramian @ found / 2 + products @ found
        if (found >= 0).all() and value < least:
            best, least = found, value
    (found,) = multipliers(gramian[None], products[None])
    assert np.allclose(found, best)
    assert np.allclose(point + found @ own / metric, projected(own, point, metric))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_do_not_depend_on_the_pack(kind: str) -> None:
    assert AGGREGATIONS.names() == KINDS
    members = [conflicting(3, seed) for seed in range(5)]
    together = weights(AGGREGATIONS[kind](), members)
    for place, own in enumerate(members):
        assert np.array_equal(weights(AGGREGATIONS[kind](), [own])[0], together[place])
    assert np.array_equal(weights(AGGREGATIONS[kind](), members[::-1])[::-1], together)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_that_vanish_repeat_or_cancel_give_finite_directions(kind: str) -> None:
    first, second = rows(2, 9)
    aggregation = AGGREGATIONS[kind]()
    for own in (
        np.stack([first, np.zeros(6), second]),
        np.stack([first, 2 * first, second]),
        np.stack([first, -3 * first]),
        np.zeros((3, 6)),
        np.stack([1e-12 * first, 1e12 * second]),
    ):
        assert np.isfinite(direction(aggregation, own)).all()


@pytest.mark.parametrize("kind", ["config", "imtl_g", "upgrad"])
def test_two_gradients_never_conflict_with_their_direction(kind: str) -> None:
    for seed in range(20):
        own = conflicting(2, seed)
        assert (cosines(own, direction(AGGREGATIONS[kind](), own)) > -1e-12).all()


def test_the_gramian_and_the_combination_are_those_of_the_rows() -> None:
    members = [conflicting(3, seed) for seed in range(4)]
    gradients = [torch.tensor(np.stack([own[t] for own in members])) for t in range(3)]
    gramian = gramian_of(gradients, gradients).numpy()
    assert np.allclose(gramian, [own @ own.T for own in members])
    share = np.random.default_rng(0).standard_normal((4, 3))
    expected = [weight @ own for weight, own in zip(share, members, strict=True)]
    assert np.allclose(combined(share, gradients).numpy(), expected)
    right = np.ones((4, 3))
    assert np.allclose(solved(gramian, right), np.linalg.solve(gramian, right[..., None])[..., 0])


def test_cagrad_between_the_mean_and_all_is_checked() -> None:
    own = conflicting(2, 0)
    assert np.allclose(direction(CAGrad(c=0.0), own), own.mean(axis=0))
    with pytest.raises(ValueError, match="c must be < 1, found 1"):
        CAGrad(c=1.0)
