"""How much each hyperparameter matters for being among the best runs: PED-ANOVA, by Optuna.

The importance of a hyperparameter is the divergence of its distribution among the best runs from
that among all (Watanabe, Bansal, Hutter 2023). It knows ranks alone, so that a run that diverged or
never left its plateau is simply among the worst.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.effects.axes import Axis
from analysis.estimates import LEVEL

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

BEST = 0.25  # share of the runs that count as the best
FEWEST = 20  # runs: five among the best, as Optuna advises
HALVES = 100  # random halves of the runs
SHUFFLES = 200  # permutations of the ranks
TAIL = 0.025

Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Importance:
    """A hyperparameter's share of all importances.

    `low` and `high` hold 95 % of what random halves of these very runs give: halves spread as
    bootstrap samples do, and no run counts twice in them. That is no confidence interval, for the
    importance in the whole space may lie outside. `chance` is what a hyperparameter without any
    effect reaches so rarely that with a probability of 95 % none of all is beyond it (permutations
    of the ranks, Bonferroni's correction).
    """

    key: str
    share: float
    low: float
    high: float
    chance: float

    @property
    def beyond_chance(self) -> bool:
        """Whether it is larger than chance alone would make it."""
        return self.share > self.chance


def importances(axes: Sequence[Axis], target: pd.Series[float]) -> list[Importance]:
    """The importance of each axis for a small target, the largest first.

    Empty where that cannot be told: with fewer than FEWEST runs, or where so many have the worst
    value that the best BEST of them are not known.
    """
    ranks = target.rank(method="max").to_numpy()
    if not _can_be_told(ranks):
        return []
    measure, random = _Measure(axes, target.index), np.random.default_rng(0)
    whole = measure(ranks)
    total = whole.sum()
    if not total > 0:
        return []
    halves = [_shares(measure(_half(ranks, random))) for _ in range(HALVES)]
    by_chance = [measure(random.permutation(ranks)) / total for _ in range(SHUFFLES)]
    low, high = np.quantile(np.array(halves), [TAIL, 1 - TAIL], axis=0)
    rare = 1 - LEVEL / len(axes)
    chance = np.quantile(np.array(by_chance), rare, axis=0, method="higher")
    found = [
        Importance(axis.key, *map(float, numbers))
        for axis, *numbers in zip(axes, whole / total, low, high, chance, strict=True)
    ]
    return sorted(found, key=lambda one: -one.share)


def most_important(axes: Sequence[Axis], target: pd.Series[float], count: int) -> list[str]:
    """The keys of the most important axes, the first first; empty where that cannot be told."""
    ranks = target.rank(method="max").to_numpy()
    if not _can_be_told(ranks):
        return []
    shares = _Measure(axes, target.index)(ranks)
    return [axes[place].key for place in np.argsort(-shares, kind="stable")[:count]]


def _can_be_told(ranks: Values) -> bool:
    """Whether there are runs enough, and the best of them are known."""
    count = len(ranks)
    return bool(count >= FEWEST and np.quantile(ranks, BEST, method="inverted_cdf") < count)


def _half(ranks: Values, random: np.random.Generator) -> Values:
    """The ranks of half of the runs; null for the others."""
    left_out = random.permutation(len(ranks)) < len(ranks) // 2
    return np.where(left_out, np.nan, ranks)


def _shares(values: Values) -> Values:
    total = values.sum()
    return values / total if total > 0 else np.full_like(values, 1 / len(values))


class _Measure:
    """PED-ANOVA of runs by their ranks, in an Optuna study that is built in memory, once."""

    def __init__(self, axes: Sequence[Axis], runs: pd.Index[str]) -> None:
        import optuna
        from optuna.importance import PedAnovaImportanceEvaluator
        from optuna.trial import create_trial

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._keys = [str(place) for place in range(len(axes))]
        self._evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST)
        self._study = optuna.create_study()
        distributions = dict(zip(self._keys, map(_distribution, axes), strict=True))
        for row in zip(*(axis.numbers.loc[runs].tolist() for axis in axes), strict=True):
            params = dict(zip(self._keys, row, strict=True))
            self._study.add_trial(
                create_trial(params=params, distributions=distributions, value=0.0)
            )
        for trial in self._study.get_trials(deepcopy=False):
            trial.distributions = distributions  # not copies, which take long to compare

    def __call__(self, ranks: Values) -> Values:
        """The importances where these are the ranks of the runs; a run without one is left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that small targets are good, as they are here
            found = self._evaluator.evaluate(
                self._study, target=lambda trial: float(ranks[trial.number])
            )
        return np.array([found[key] for key in self._keys])


def _distribution(axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if axis.levels:
        return CategoricalDistribution([float(place) for place in range(len(axis.levels))])
    low, high = float(axis.numbers.min()), float(axis.numbers.max())
    return FloatDistribution(low, high, log=axis.log)
