"""What a worker is told of where and for what it trains; the driver knows it without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from analysis.metric import Direction, Metric
from analysis.rules import PlateauRule
from sweeps.errors import StudyError

if TYPE_CHECKING:
    from pinn_core.records.trajectory import Trajectory

TRAINER = "pinn_core.training.trainer:train"
"""What trains a pack: a function's module and name."""


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """Where a pack is trained and what for; plain values alone, so that it travels anywhere."""

    store: str
    """Root of the trajectory store."""
    metric: str
    """``search.metric`` of the study: what a run is judged by."""
    progress: str
    """Folder for the notes on how far packs have come."""
    device: str = "cpu"
    """What torch calls the device."""
    threads: int = 1
    """CPU threads for the pack."""
    trainer: str = TRAINER
    """``module:function`` of what trains a pack, looked up where the pack is trained."""
    memory: float = 1.0
    """Part of the device's memory that the pack may take."""
    pruner: Mapping[str, Any] | None = None
    """``search.pruner`` as the study file has it; None: no run stops early."""
    direction: Direction = "minimize"
    """Whether small or large values of the metric are good."""
    plateau: Mapping[str, Any] | None = None
    """``analysis.plateau`` of the study, for metrics of plateaus; None: the paper's."""
    plugins: tuple[Mapping[str, Any], ...] = ()
    """The study's plugins as plain data, with the files that a worker imports."""
    software: Mapping[str, str] | None = None
    """The driver's versions, which the worker's have to equal; None: they are one machine's."""

    @property
    def judged_by(self) -> Metric:
        """The metric, read."""
        plateau = dict(self.plateau or {})
        if "spans" in plateau:
            plateau["spans"] = tuple(plateau["spans"])
        return Metric.read(self.metric, PlateauRule(**plateau), self.direction)


class FailsAgain(Exception):
    """A pack's failure that another try would repeat; the message is all that needs to be said."""


def trainer_at(path: str) -> Callable[..., list[Trajectory]]:
    """The function that ``module:function`` names; raises ``StudyError`` if there is none."""
    module, _, name = path.partition(":")
    try:
        found: Callable[..., list[Trajectory]] = getattr(import_module(module), name)
    except Exception as error:  # an import runs any code that the module holds
        raise StudyError(f"trainer {path!r}: {type(error).__name__}: {error}") from error
    return found
