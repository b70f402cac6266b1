"""What is done of a study, from its files alone."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from analysis.metric import Unreached
from sweeps.display.tally import setting
from sweeps.search.planned import committed_reruns, planned_runs
from sweeps.search.selection import Selection
from sweeps.store.folder import StudyFolder
from sweeps.store.lock import lock_holder
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.plan import Run
from sweeps.study.study import Study


@dataclass(frozen=True)
class StageStatus:
    """One stage of one model. ``total`` is None while the search has yet to decide it.

    ``done`` is then how many reruns are committed: there are some where a search run was lost.
    """

    model: str
    stage: str
    done: int
    total: int | None
    best: float | None
    """By the study's metric; where its level was not reached, a lower bound."""
    reached: bool
    best_run: str | None
    setting: str


@dataclass(frozen=True)
class Status:
    """A study: the command that works on it (host:process since when, or empty), and its stages."""

    study: str
    running: str
    complete: bool
    stages: list[StageStatus]


def study_status(study: Study, folder: StudyFolder) -> Status:
    """Compare the plan with the store; runs whose files are damaged count as not done."""
    store = Store(folder.store)
    results = Results.sound(store, study.metric, folder.passed_over)
    stages = []
    plans = planned_runs(study, store, results)
    committed = committed_reruns(study, plans, store, results)
    for model, plan in plans.items():
        if plan.total:
            stages.append(_stage(study, results, model, "search", plan.search, plan.total))
        reruns = plan.rerun if plan.searched else committed[model]
        total = len(reruns) if plan.searched else None
        stages.append(_stage(study, results, model, "rerun", reruns, total))
    complete = all(one.done == one.total for one in stages)
    return Status(study.name, lock_holder(folder.home), complete, stages)


def status_table(status: Status, metric: str) -> Table:
    """For the terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("model", "stage", "done", f"best {metric}"):
        table.add_column(title, overflow="fold")
    for one in status.stages:
        bound = "" if one.reached else "not reached, >= "
        best = "" if one.best is None else f"{bound}{one.best:.4g} ({one.setting})"
        total = "?" if one.total is None else str(one.total)
        table.add_row(one.model, one.stage, f"{one.done}/{total}", best)
    return table


def _stage(
    study: Study, results: Results, model: str, stage: str, runs: list[Run], total: int | None
) -> StageStatus:
    committed = [run for run in runs if run.run_id in results.committed]
    selection = Selection(study, study.search.seeds if stage == "search" else 1)
    for run in committed:
        selection.offer(run, results.value(run.run_id))
    best = selection.best(model)
    if best is None:
        return StageStatus(model, stage, len(committed), total, None, True, None, "")
    found, run = best
    reached = not isinstance(found, Unreached)
    value = found.at_least if isinstance(found, Unreached) else found
    done, name, words = len(committed), run.run_id, setting(run.varied)
    return StageStatus(model, stage, done, total, value, reached, name, words)
