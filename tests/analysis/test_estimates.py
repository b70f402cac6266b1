"""Estimates, their intervals and their tests, against scipy and against what is known."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy import stats

from analysis import estimates

SAMPLE = np.random.default_rng(3).normal(1, 2, 10)
OTHER = np.random.default_rng(4).normal(0, 1, 7)
FIVE = np.array([3.0, 1, 4, 1.5, 9])


def test_welchs_test_is_scipys() -> None:
    found = estimates.difference_of_means(SAMPLE, OTHER)
    expected = stats.ttest_ind(SAMPLE, OTHER, equal_var=False)
    assert found.p(0) == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval()))


def test_the_paired_test_is_students() -> None:
    found = estimates.mean_of_differences(SAMPLE[:7], OTHER)
    expected = stats.ttest_rel(SAMPLE[:7], OTHER)
    assert found.p(0) == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize("limit", [0.0, 1.0, 5.0])
def test_signed_ranks_and_signs_are_scipys_exact_ones(limit: float) -> None:
    ranks = stats.wilcoxon(SAMPLE - limit, method="exact").pvalue
    signs = stats.binomtest(int((limit < SAMPLE).sum()), len(SAMPLE)).pvalue
    assert estimates.pseudomedian(SAMPLE).p(limit) == pytest.approx(ranks)
    assert estimates.median(SAMPLE).p(limit) == pytest.approx(signs)


@pytest.mark.parametrize(
    "estimate",
    [
        estimates.median(SAMPLE),
        estimates.pseudomedian(SAMPLE),
        estimates.difference_of_means(SAMPLE, OTHER),
        estimates.ratio(np.exp(SAMPLE), np.exp(OTHER)),
        estimates.paired_ratio(np.exp(SAMPLE[:7]), np.exp(OTHER)),
    ],
)
def test_an_interval_ends_where_its_test_begins_to_reject(estimate: estimates.Estimate) -> None:
    assert estimate.interval is not None
    low, high = estimate.interval
    assert estimate.p(low + 1e-9) > 0.05 > estimate.p(low - 1e-9)
    assert estimate.p(high - 1e-9) > 0.05 > estimate.p(high + 1e-9)


def test_at_five_seeds_the_median_has_the_range_and_no_decision() -> None:
    assert estimates.median(FIVE).interval == (1, 9)
    assert estimates.median(FIVE).p(0) == 0.0625
    assert estimates.median(FIVE[:4]).interval is None


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = estimates.difference_of_means([2.0] * 5, [1.0] * 5)
    assert found.interval == (1, 1)
    assert (found.p(1), found.p(0.5)) == (1, 0)


def test_a_paired_ratio_bears_what_is_infinite() -> None:
    ended = estimates.paired_ratio([inf, inf, 1.0, inf, inf], [inf, 1.0, inf, 1.0, 1.0])
    assert ended.number == inf
    assert estimates.paired_ratio([inf] * 5, [inf] * 5).number == 1
    assert estimates.paired_ratio([0.0] * 5, [1.0] * 5).interval == (0, 0)
