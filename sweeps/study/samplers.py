"""How a search chooses the points of a model's space: a grid, or one of Optuna's samplers.

Besides those of the family, ``module:Class`` names any sampler class of Optuna's kind that is
installed; it is made with the study's seed alone.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from pinn_core.parts import Family, Part
from sweeps.study.experimental import experimental

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class SearchSampler(Part):
    """The contract of what ``search.sampler`` names."""

    enumerates: ClassVar[bool] = False
    """Whether it lays out every point of a grid; Optuna only keeps the account then."""
    learns: ClassVar[bool] = False
    """Whether later points depend on the values of earlier ones, a generation at a time."""
    takes_costs: ClassVar[bool] = True
    """Whether it can look for a small cost beside a good metric."""

    @abstractmethod
    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler, whose numbers depend on the seed alone."""


SAMPLERS: Family[type[SearchSampler]] = Family("sampler", SearchSampler)


@SAMPLERS.register("grid")
@dataclass(frozen=True, kw_only=True)
class Grid(SearchSampler):
    """Every point of the space, or search.runs of them, drawn by seed.

    When to use: For a few values of each key, where every combination counts.
    """

    enumerates: ClassVar[bool] = True

    def of_optuna(self, seed: int) -> BaseSampler:
        """Any will do."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


@SAMPLERS.register("random")
@dataclass(frozen=True, kw_only=True)
class Random(SearchSampler):
    """Independent draws; all runs are laid out before the first.

    When to use: For importances and tests, which need draws that depend on no earlier value.
    """

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's random sampler."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


@SAMPLERS.register("qmc")
@dataclass(frozen=True, kw_only=True)
class QuasiMonteCarlo(SearchSampler):
    """A scrambled Sobol sequence; all runs are laid out before the first.

    When to use: As ``random``, but the draws cover ranges more evenly.
    """

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.samplers import QMCSampler

        with experimental():
            return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


@SAMPLERS.register("tpe")
@dataclass(frozen=True, kw_only=True)
class TreeParzen(SearchSampler):
    """Tree-structured Parzen estimator; learns from one generation to the next.

    When to use: To find a good configuration with few runs; lists and ranges alike.
    """

    learns: ClassVar[bool] = True

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed)


@SAMPLERS.register("gp")
@dataclass(frozen=True, kw_only=True)
class GaussianProcess(SearchSampler):
    """Bayesian optimization with a Gaussian process; learns from one generation to the next.

    When to use: With up to a few hundred runs and mostly ranges.
    """

    learns: ClassVar[bool] = True

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.samplers import GPSampler

        with experimental():
            return GPSampler(seed=seed)


@SAMPLERS.register("cmaes")
@dataclass(frozen=True, kw_only=True)
class CovarianceMatrixAdaptation(SearchSampler):
    """CMA-ES, for ranges; values of lists are drawn independently.

    When to use: With ranges only and several hundred runs.
    """

    learns: ClassVar[bool] = True
    takes_costs: ClassVar[bool] = False

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.samplers import CmaEsSampler

        return CmaEsSampler(seed=seed, warn_independent_sampling=False)


@SAMPLERS.register("nsgaii")
@dataclass(frozen=True, kw_only=True)
class NonDominatedSorting(SearchSampler):
    """The genetic algorithm NSGA-II, with populations of 50.

    When to use: With a ``cost`` beside the metric and many runs.
    """

    learns: ClassVar[bool] = True

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(seed=seed)


@dataclass(frozen=True, kw_only=True)
class Installed(SearchSampler):
    """A sampler class of Optuna's kind that ``module:Class`` names; it learns, as far as we know.

    It is made with the seed alone, so that the search can be repeated.
    """

    learns: ClassVar[bool] = True

    path: str = ""

    def of_optuna(self, seed: int) -> BaseSampler:
        """One of the class; raises ``ValueError`` where there is none, or it takes no seed."""
        from optuna.samplers import BaseSampler

        module, _, name = self.path.partition(":")
        try:
            found = getattr(import_module(module), name)
            if not issubclass(found, BaseSampler):
                raise TypeError(f"{name} is no sampler of Optuna's kind")
            with experimental():
                sampler: BaseSampler = found(seed=seed)
        except Exception as error:  # an import, and a class, may do anything
            raise ValueError(f"found {self.path!r}: {type(error).__name__}: {error}") from error
        return sampler


def sampler_of(name: str) -> SearchSampler:
    """The sampler that a study file names."""
    return Installed(path=name) if ":" in name else SAMPLERS[name]()
