"""A study as two tables for other programs: a row for each run, and the curves of all runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from analysis.load import PLACE, StudyData
from analysis.plateau import plateau_of, summary_metrics
from analysis.rules import PlateauRule

ROWS = 200
"""Of a thinned curve, about; columns that were recorded at no more steps than that are whole."""

KEPT = frozenset({"record.fields", "record.parameters"})
"""Settings of what a run leaves in the store, which change no number of it."""

WHICH = ("run_id", "model", "stage", "seed")
"""The columns of a curve that say whose it is."""


def runs_table(data: StudyData, rule: PlateauRule) -> pd.DataFrame:
    """A row for each committed run.

    Columns, in this order: `run_id`, `study`, `model`, `stage`, `seed`; what the search varied, and
    the other settings that are not the same in all runs, by dotted key; `steps`, `ended`
    ("finished", "diverged" or "stopped early", by the search's pruner), `diverged_at`, `pruned_at`;
    the plateau by the rule: `plateau.start`, `plateau.length` (steps), `plateau.end` (the first
    step after it) and `plateau.ended` ("left", "never left", "diverged", "stopped early", "none",
    or "unknown" where the curve is too short; unless it was left, the length is a lower bound);
    `final.<column>` and `lowest.<column>` of every loss and error, `final.work/...`;
    `conflict.rate`; `seconds` of training, and of device, threads, size of the pack and versions
    what is not the same in all runs.
    Final losses and errors of runs that diverged or were stopped early are null.
    Raises ValueError where the rule's curve was not recorded.
    """
    summaries = [_summary(data, str(run_id), rule) for run_id in data.runs.index]
    about = data.runs.reset_index()
    ended = [_ended(run) for run in about[["diverged_at", "pruned_at"]].itertuples(index=False)]
    measured = pd.DataFrame(summaries)
    names = list(map(str, measured))
    first = [name for name in names if name.startswith("plateau.")]
    others = sorted(set(names) - set(first))
    versions = [name for name in map(str, data.runs) if _is_version(name)]
    parts: list[pd.DataFrame] = [
        about[["run_id"]].assign(study=data.name),
        about[["model", "stage", "seed"]],
        about[settings_that_differ(data)].apply(_one_type),
        about[["steps"]].assign(ended=ended),
        about[["diverged_at", "pruned_at"]],
        measured[[*first, *others]],
        about[["seconds"]],
        about[_differ(data, [*PLACE, *versions])],
    ]
    return pd.concat(parts, axis="columns")


def settings_that_differ(data: StudyData) -> list[str]:
    """The dotted keys that the search varied, then the others in which the study's runs differ."""
    settings = [name for name in map(str, data.runs) if is_setting(name) and name not in KEPT]
    return list(dict.fromkeys([*data.varied, *_differ(data, settings)]))


def is_setting(column: str) -> bool:
    """Whether a column of `StudyData.runs` is a key of the configuration."""
    return column == "precision" or ("." in column and not _is_version(column))


def _is_version(column: str) -> bool:
    return column.startswith("environment.")


def _differ(data: StudyData, names: Sequence[str]) -> list[str]:
    """Those of the columns that have more than one value."""
    there = [name for name in names if name in data.runs and name != "digest"]
    return [name for name in there if data.runs[name].nunique(dropna=False) > 1]


def curves(
    data: StudyData, columns: Sequence[str], *, whole: bool = False
) -> Iterator[pd.DataFrame]:
    """Run after run, the rows of its trajectory: `run_id`, `model`, `stage`, `seed`, `step`, ...

    A column for each quantity, null where it was not recorded. Unless asked for the `whole`, the
    rows are thinned to about ROWS, evenly, the first and the last among them, and all rows at which
    a quantity was recorded that was recorded rarely.
    """
    for run_id, about in data.runs.iterrows():
        recorded = numbers(data.trajectory(str(run_id)))
        frame = recorded if whole else thinned(recorded)
        frame = frame.reindex(columns=list(columns)).reset_index()
        frame.insert(0, "run_id", str(run_id))
        for place, name in enumerate(WHICH[1:], 1):
            frame.insert(place, name, about[name])
        yield frame


def curve_columns(data: StudyData) -> list[str]:
    """The columns of numbers that any run recorded, in the order of the trajectories."""
    found: dict[str, None] = {}
    for run_id in data.runs.index:
        found |= dict.fromkeys(map(str, numbers(data.trajectory(str(run_id)))))
    return list(found)


def numbers(trajectory: pd.DataFrame) -> pd.DataFrame:
    """A trajectory without its columns of lists: sketches, histograms, spectra, kernels."""
    return trajectory.select_dtypes("number")


def thinned(trajectory: pd.DataFrame) -> pd.DataFrame:
    """Some rows of a trajectory; see `curves`."""
    place = np.arange(len(trajectory))
    chosen = (place % max(1, ceil(len(place) / ROWS)) == 0) | (place == len(place) - 1)
    recorded = trajectory.notna().to_numpy()
    rare = recorded[:, recorded.sum(axis=0) <= ROWS]
    return trajectory.iloc[np.flatnonzero(chosen | rare.any(axis=1))]


def _summary(data: StudyData, run_id: str, rule: PlateauRule) -> dict[str, Any]:
    """What `runs_table` says of a run's trajectory."""
    trajectory, about = data.trajectory(run_id), data.runs.loc[run_id]
    plateau = plateau_of(trajectory, rule)
    stopped = _ended(about)
    summary = {
        "plateau.start": plateau.start,
        "plateau.length": plateau.length,
        "plateau.end": plateau.end,
        "plateau.ended": "left",
    }
    if plateau.start is None:
        unseen = plateau.censored or stopped == "diverged"
        summary["plateau.ended"] = "unknown" if unseen else "none"
    elif plateau.censored:
        summary["plateau.ended"] = "never left" if stopped == "finished" else stopped
    measured = summary_metrics(trajectory, rule)
    ends_early = stopped != "finished"
    return summary | {
        name: value
        for name, value in measured.items()
        if not name.startswith("plateau.")
        and not (ends_early and name.startswith("final.") and not name.startswith("final.work/"))
    }


def _ended(run: Any) -> str:  # noqa: ANN401
    if pd.notna(run.diverged_at):
        return "diverged"
    return "stopped early" if pd.notna(run.pruned_at) else "finished"


def _one_type(values: pd.Series[Any]) -> pd.Series[Any]:
    """The values as they are where all are of one type, else as text: 512 beside "full"."""
    known = values.dropna()
    kinds = {float if isinstance(value, int | float) else type(value) for value in known}
    if len(kinds) < 2:
        return values
    return known.map(str).reindex(values.index)
