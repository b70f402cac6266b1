"""Which runs of a search stop early: Optuna's pruners, for packs whose runs reach a step together.

At a rung every run of a pack that is still in training is judged by its values so far, against the
values of other runs at the same step: those of the pack, and those of runs that were committed when
the pack began. The rules and the names of their parameters are Optuna's, whose trials come one by
one; here the others of the pack count as if they had been there before. A run without a finite
value is not judged and not compared with: it diverges, and is recorded as that.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from pinn_core.checks import at_least, within
from pinn_core.parts import Family, Part
from sweeps.study.experimental import experimental


class Pruner(Part):
    """The contract of what ``search.pruner`` names; its fields are its hyperparameters."""

    complete: ClassVar[bool] = False
    """Whether committed runs count only if they were trained to their end."""
    of_seeds: ClassVar[bool] = False
    """Whether it judges configurations between their seeds, not runs on their way."""

    @abstractmethod
    def rungs(self, steps: int) -> Sequence[int]:
        """The steps at which a run of so many updates is judged, ascending, from 1 to steps - 1."""

    @abstractmethod
    def stops(
        self, values: Float[ndarray, "r m"], others: Float[ndarray, " k"]
    ) -> Bool[ndarray, " m"]:
        """Which of a pack's runs stop, small values being good.

        ``values`` are theirs at all rungs so far, ``others`` those of runs outside at the last one;
        NaN where there is none.
        """


class SeedPruner(Pruner):
    """The contract of those that judge a search's configurations between waves of their seeds."""

    of_seeds: ClassVar[bool] = True

    @abstractmethod
    def waves(self, seeds: int) -> Sequence[int]:
        """How many seeds a configuration has at the end of each wave; the last are all of them."""

    @abstractmethod
    def gives_up(self, values: Sequence[float], best: Sequence[float]) -> bool:
        """Whether a configuration gets no further seeds, small finite values being good.

        ``values`` are its own by seed, ``best`` those of the best configuration, as many or more.
        """

    def rungs(self, steps: int) -> Sequence[int]:  # noqa: ARG002
        """None."""
        return ()

    def stops(
        self,
        values: Float[ndarray, "r m"],
        others: Float[ndarray, " k"],  # noqa: ARG002
    ) -> Bool[ndarray, " m"]:
        """None."""
        return np.zeros(values.shape[1], dtype=bool)


PRUNERS: Family[type[Pruner]] = Family("pruner", Pruner)


@PRUNERS.register("none")
@dataclass(frozen=True, kw_only=True)
class NoPruner(Pruner):
    """Every run is trained to its end.

    When to use: The default, and needed where all runs shall be analysed: importances and survival
    leave stopped runs out.
    """

    complete: ClassVar[bool] = False

    def rungs(self, steps: int) -> Sequence[int]:  # noqa: ARG002
        """None."""
        return ()

    def stops(
        self,
        values: Float[ndarray, "r m"],
        others: Float[ndarray, " k"],  # noqa: ARG002
    ) -> Bool[ndarray, " m"]:
        """None."""
        return np.zeros(values.shape[1], dtype=bool)


@PRUNERS.register("median")
@dataclass(frozen=True, kw_only=True)
class Median(Pruner):
    """A run stops where its best value so far is worse than the others' median at the step.

    Golovin et al. 2017, section 3.2.1, as in Optuna's ``MedianPruner``. The step ``n_warmup_steps``
    is the first rung (never step 0, before any update), further ones follow every
    ``interval_steps``. There is no stopping with fewer than ``n_startup_trials`` others, or with
    fewer than ``n_min_trials`` that have a value at the step. Committed runs that were stopped
    early or diverged do not count.

    When to use: To save time in a search of many runs, where early values tell the late ones. A
    plateau hides the winner: let ``n_warmup_steps`` be longer than it.
    """

    complete: ClassVar[bool] = True

    n_startup_trials: int = 5
    """Others there must be before a run may stop."""
    n_warmup_steps: int = 0
    """The first step at which runs are judged."""
    interval_steps: int = 1
    """Steps between two judgements."""
    n_min_trials: int = 1
    """Others that must have a value at the step."""

    def __post_init__(self) -> None:
        at_least(0, n_startup_trials=self.n_startup_trials, n_warmup_steps=self.n_warmup_steps)
        at_least(1, interval_steps=self.interval_steps, n_min_trials=self.n_min_trials)

    def rungs(self, steps: int) -> Sequence[int]:
        """From the end of the warm-up, at equal distances."""
        return range(self.n_warmup_steps or self.interval_steps, steps, self.interval_steps)

    def stops(
        self, values: Float[ndarray, "r m"], others: Float[ndarray, " k"]
    ) -> Bool[ndarray, " m"]:
        """Those whose best is above the median of all others."""
        now, best = values[-1], np.fmin.reduce(values)
        stopped = np.zeros(len(now), dtype=bool)
        if len(now) - 1 + len(others) < self.n_startup_trials:
            return stopped
        for place in np.flatnonzero(np.isfinite(now)):
            known = np.concatenate([others, np.delete(now, place)])
            known = known[np.isfinite(known)]
            if len(known) >= self.n_min_trials:
                stopped[place] = best[place] > np.percentile(known, 50.0)
        return stopped


@PRUNERS.register("successive_halving")
@dataclass(frozen=True, kw_only=True)
class SuccessiveHalving(Pruner):
    """Of the runs that reach a rung, those go on that are among the best 1 / ``reduction_factor``.

    Li et al. 2020 (asynchronous successive halving), as in Optuna's ``SuccessiveHalvingPruner``.
    The rungs are at min_resource * reduction_factor^(min_early_stopping_rate + 0, 1, 2 ...) steps;
    ``min_resource: auto`` is a hundredth of a run's steps. Committed runs that reached the step
    count, those that were stopped there too. The best of a rung always goes on.

    When to use: For large searches under a fixed budget.
    """

    complete: ClassVar[bool] = False

    min_resource: int | Literal["auto"] = "auto"
    """Steps to the first rung; auto: a hundredth of a run."""
    reduction_factor: int = 4
    """Of so many runs at a rung one goes on."""
    min_early_stopping_rate: int = 0
    """How many of the first rungs are skipped."""

    def __post_init__(self) -> None:
        if self.min_resource != "auto":
            at_least(1, min_resource=self.min_resource)
        at_least(2, reduction_factor=self.reduction_factor)
        within(0, 64, min_early_stopping_rate=self.min_early_stopping_rate)

    def rungs(self, steps: int) -> Sequence[int]:
        """At steps that grow by the reduction factor."""
        first = max(steps // 100, 1) if self.min_resource == "auto" else self.min_resource
        found = []
        rung = first * self.reduction_factor**self.min_early_stopping_rate
        while rung < steps:
            found.append(rung)
            rung *= self.reduction_factor
        return tuple(found)

    def stops(
        self, values: Float[ndarray, "r m"], others: Float[ndarray, " k"]
    ) -> Bool[ndarray, " m"]:
        """Those above the last of the best."""
        now = values[-1]
        known = np.concatenate([others, now])
        known = np.sort(known[np.isfinite(known)])
        if not len(known):
            return np.zeros(len(now), dtype=bool)
        stopped: ndarray = now > known[max(len(known) // self.reduction_factor, 1) - 1]
        return stopped


@PRUNERS.register("wilcoxon")
@dataclass(frozen=True, kw_only=True)
class Wilcoxon(SeedPruner):
    """A configuration gets no further seeds where it is worse than the best one, seed by seed.

    Optuna's ``WilcoxonPruner``: the one-sided signed-rank test of the differences at equal seeds
    has a p-value below ``p_threshold``. Tests follow the first ``first_seeds`` seeds, and then each
    doubling. With four seeds, all of them worse, the p-value is 1/16.

    When to use: With ``search.seeds`` above 1: seeds are spent on configurations that may still be
    the best.
    """

    p_threshold: float = 0.1
    """The p-value below which a configuration gets no further seeds."""
    first_seeds: int = 4
    """Seeds that every configuration gets."""

    def __post_init__(self) -> None:
        within(0.0, 1.0, p_threshold=self.p_threshold)
        at_least(2, first_seeds=self.first_seeds)

    def waves(self, seeds: int) -> Sequence[int]:
        """Doubled from wave to wave.

        >>> Wilcoxon().waves(10)
        [4, 8, 10]
        """
        found = [min(self.first_seeds, seeds)]
        while found[-1] < seeds:
            found.append(min(2 * found[-1], seeds))
        return found

    def gives_up(self, values: Sequence[float], best: Sequence[float]) -> bool:
        """As Optuna decides, which knows the best configuration as a trial that is complete."""
        from optuna import create_study
        from optuna.pruners import WilcoxonPruner
        from optuna.trial import TrialState, create_trial

        study = create_study()
        study.add_trial(create_trial(value=median(best), intermediate_values=dict(enumerate(best))))
        trial = create_trial(state=TrialState.RUNNING, intermediate_values=dict(enumerate(values)))
        with experimental():
            pruner = WilcoxonPruner(p_threshold=self.p_threshold, n_startup_steps=0)
        return pruner.prune(study, trial)
