"""How a search chooses the points of a model's space: a grid, or one of Optuna's samplers."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pinn_core.parts import Family, Part

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


class SearchSampler(Part):
    """The contract of what ``search.sampler`` names."""

    enumerates: ClassVar[bool] = False
    """Whether it lays out every point of a grid; Optuna only keeps the account then."""
    learns: ClassVar[bool] = False
    """Whether later points depend on the values of earlier ones, a generation at a time."""

    @abstractmethod
    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler, whose numbers depend on the seed alone."""


SAMPLERS: Family[type[SearchSampler]] = Family("sampler", SearchSampler)


@SAMPLERS.register("grid")
@dataclass(frozen=True, kw_only=True)
class Grid(SearchSampler):
    """Every point of the space, or search.runs of them, drawn by seed."""

    enumerates: ClassVar[bool] = True

    def of_optuna(self, seed: int) -> BaseSampler:
        """Any will do."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


@SAMPLERS.register("random")
@dataclass(frozen=True, kw_only=True)
class Random(SearchSampler):
    """Independent draws; all runs are laid out before the first."""

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's random sampler."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


@SAMPLERS.register("qmc")
@dataclass(frozen=True, kw_only=True)
class QuasiMonteCarlo(SearchSampler):
    """A scrambled Sobol sequence; all runs are laid out before the first."""

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import QMCSampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


@SAMPLERS.register("tpe")
@dataclass(frozen=True, kw_only=True)
class TreeParzen(SearchSampler):
    """Tree-structured Parzen estimator; learns from one generation to the next."""

    learns: ClassVar[bool] = True

    def of_optuna(self, seed: int) -> BaseSampler:
        """Optuna's sampler of that name."""
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed)
