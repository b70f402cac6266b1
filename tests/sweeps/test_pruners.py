"""Recorded curves replayed through the pruners, beside Optuna's own answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
import pytest
from numpy import ndarray
from optuna.pruners import BasePruner, MedianPruner, SuccessiveHalvingPruner
from optuna.trial import create_trial

from sweeps.study.pruners import Median, NoPruner, SuccessiveHalving

STEPS = 200


def curves(count: int, seed: int) -> ndarray:
    """Losses (steps + 1, runs) that fall at different rates, cross, and jump."""
    random = np.random.default_rng(seed)
    rates, floors = random.uniform(0.002, 0.05, count), random.uniform(0, 0.3, count)
    fall = np.exp(-np.arange(STEPS + 1)[:, None] * rates) + floors
    return np.asarray(fall * random.lognormal(0, 0.1, fall.shape))


def optunas(pruner: BasePruner, rungs: Sequence[int], own: ndarray, others: ndarray) -> bool:
    """Optuna's answer for a run whose last value is at the last rung, after all others."""
    study = optuna.create_study(pruner=pruner)
    for curve in others.T:
        trial = study.ask()
        for rung in rungs:
            trial.report(float(curve[rung]), rung)
            trial.should_prune()  # enters the rungs that it completes
        study.tell(trial, float(curve[-1]))
    trial = study.ask()
    stops = False
    for rung in rungs:
        trial.report(float(own[rung]), rung)
        stops = trial.should_prune()
    return stops


@pytest.mark.parametrize("seed", range(3))
def test_the_median_stops_whom_optuna_would_after_all_others(seed: int) -> None:
    rule = Median(n_startup_trials=4, n_warmup_steps=30, interval_steps=20)
    theirs = MedianPruner(n_startup_trials=4, n_warmup_steps=30, interval_steps=20)
    outside, pack = curves(5, seed), curves(6, seed + 10)
    rungs = list(rule.rungs(STEPS))
    assert rungs == [30, 50, 70, 90, 110, 130, 150, 170, 190]
    for so_far in (rungs[:1], rungs[:4], rungs):
        found = rule.stops(pack[so_far], outside[so_far[-1]])
        for place in range(6):
            others = np.hstack([outside, np.delete(pack, place, axis=1)])
            assert found[place] == optunas(theirs, so_far, pack[:, place], others)
        assert 0 < found.sum() < 6


@pytest.mark.parametrize("seed", range(3))
def test_halving_stops_whom_optuna_would_after_all_others(seed: int) -> None:
    rule = SuccessiveHalving(min_resource=5, reduction_factor=3)
    outside, pack = curves(7, seed), curves(6, seed + 10)
    (rung, *later) = rule.rungs(STEPS)
    assert [rung, *later] == [5, 15, 45, 135]
    found = rule.stops(pack[[rung]], outside[rung])
    for place in range(6):
        theirs = SuccessiveHalvingPruner(min_resource=5, reduction_factor=3)
        study = optuna.create_study(pruner=theirs)
        for curve in np.hstack([outside, np.delete(pack, place, axis=1)]).T:
            others = {"completed_rung_0": float(curve[rung])}
            study.add_trial(create_trial(value=1.0, system_attrs=others))
        trial = study.ask()
        trial.report(float(pack[rung, place]), rung)
        assert found[place] == trial.should_prune()
    assert 0 < found.sum() < 6


def test_a_whole_pack_is_halved_from_rung_to_rung() -> None:
    rule = SuccessiveHalving(min_resource=2, reduction_factor=2, min_early_stopping_rate=1)
    losses = np.linspace(1.0, 2.0, 16) / np.arange(1, STEPS + 2)[:, None]
    left, sizes = list(range(16)), []
    for rung in rule.rungs(STEPS):
        stopped = rule.stops(losses[[rung]][:, left], np.array([]))
        left = [one for one, stops in zip(left, stopped, strict=True) if not stops]
        sizes.append((rung, len(left)))
    assert sizes == [(4, 8), (8, 4), (16, 2), (32, 1), (64, 1), (128, 1)]
    assert left == [0]


def test_half_of_a_pack_is_at_its_median_or_better() -> None:
    stopped = Median().stops(np.array([[4.0, 1.0, 3.0, 2.0, 6.0, 5.0]]), np.array([]))
    assert stopped.tolist() == [True, False, False, False, True, True]


def test_a_good_value_of_an_earlier_rung_saves_a_run() -> None:
    values = np.array([[0.1, 1.0, 1.0, 1.0], [9.0, 0.5, 0.6, 0.55]])
    stopped = Median(n_startup_trials=3).stops(values, np.array([]))
    assert stopped.tolist() == [False, False, True, False]


@pytest.mark.parametrize("others", [1, 2])
def test_nobody_stops_before_there_are_enough_to_compare_with(others: int) -> None:
    values, outside = np.array([[1.0, 2.0]]), np.full(others, 0.5)
    assert Median(n_startup_trials=3).stops(values, outside).tolist() == [others == 2] * 2
    assert Median(n_startup_trials=0, n_min_trials=3).stops(values, outside).any() == (others == 2)


@pytest.mark.parametrize("rule", [Median(n_startup_trials=0), SuccessiveHalving()])
def test_what_diverged_is_neither_judged_nor_a_judge(rule: Median | SuccessiveHalving) -> None:
    values = np.array([[np.nan, 1.0, 2.0, 3.0, 4.0]])
    with_nan = rule.stops(values, np.array([np.nan, np.nan]))
    assert not with_nan[0]
    assert with_nan[1:].tolist() == rule.stops(values[:, 1:], np.array([])).tolist()
    assert with_nan.any()
    assert not rule.stops(np.full((1, 2), np.nan), np.array([np.nan])).any()


def test_rungs_lie_inside_the_training() -> None:
    assert list(Median(interval_steps=50).rungs(200)) == [50, 100, 150]
    assert list(Median(n_warmup_steps=7, interval_steps=100).rungs(200)) == [7, 107]
    assert list(Median(n_warmup_steps=200).rungs(200)) == []
    assert SuccessiveHalving().rungs(1000) == (10, 40, 160, 640)
    assert SuccessiveHalving().rungs(50) == (1, 4, 16)
    assert NoPruner().rungs(1000) == ()
