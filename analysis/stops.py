"""When and why optimizers stopped runs for good; some optimizers never do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from analysis.load import StudyData
from pinn_core.records.trajectory import STOP_REASONS

REASON = "work/stopped"


class Stop(NamedTuple):
    """The first row after which nothing moved, and the number of one of `STOP_REASONS`."""

    step: int
    reason: int


def stops_of(trajectory: pd.DataFrame) -> list[Stop]:
    """A run's stops: at most one in each phase of each stage."""
    if REASON not in trajectory:
        return []
    reasons = trajectory[REASON].astype(float).dropna().astype(int)
    begins = (reasons != 0) & (reasons != reasons.shift(fill_value=0))
    found = reasons[begins]
    return [Stop(*each) for each in zip(found.index.tolist(), found.tolist(), strict=True)]


def stops(data: StudyData) -> pd.DataFrame:
    """Every stop of every run that could stop: `model`, `run_id`, `reason` in words, `step`.

    A run that never did is there once, without reason and step.
    """
    rows = [row for run_id in _could_stop(data) for row in _rows(data, run_id)]
    found = pd.DataFrame(rows, columns=["model", "run_id", "reason", "step"])
    return found.astype({"step": float})


def _could_stop(data: StudyData) -> Iterator[str]:
    """The runs with such a column; runs of a model with the same optimizers have the same."""
    runs = data.runs
    phases = [key for key in map(str, runs) if key.startswith("phases.") and key.endswith(".kind")]
    for _, alike in runs.groupby(["model", *phases], sort=False, dropna=False):
        names = list(map(str, alike.index))
        if REASON in data.trajectory(names[0]):
            yield from names


def _rows(data: StudyData, run_id: str) -> Iterator[tuple[str, str, str | None, int | None]]:
    model = str(data.runs.loc[run_id, "model"])
    found = stops_of(data.trajectory(run_id))
    for stop in found:
        yield model, run_id, STOP_REASONS.get(stop.reason, f"reason {stop.reason}"), stop.step
    if not found:
        yield model, run_id, None, None
