"""Which runs a study plans, as far as its settled runs decide that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pinn_core.records.trajectory import Manifest, TrajectoryError
from sweeps.search.search import ModelSearch
from sweeps.search.selection import Selection
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.plan import Run, rerun_runs, search_run
from sweeps.study.study import Study


@dataclass(frozen=True)
class Planned:
    """What is planned for one model."""

    total: int
    """How many runs its search makes in the end."""
    search: list[Run]
    """Those that are known: a search that learns decides the later ones by the values of these."""
    searched: bool
    """Whether the search is over: only then the reruns are known."""
    rerun: list[Run]


def planned_runs(study: Study, store: Store, results: Results) -> dict[str, Planned]:
    """By model. Replays each search, so that it costs what the samplers cost; trains nothing."""
    return {model: _planned(study, model, store, results) for model in study.models}


def planned_ids(study: Study, store: Store, results: Results) -> set[str]:
    """Ids of the runs that a study asks for.

    The later runs of a search that goes on are unknown: then all its model's committed runs count,
    damaged ones too. So do reruns of another searched configuration: it was the best while a better
    one had failed.
    """
    plans = planned_runs(study, store, results)
    asked = {run.run_id for plan in plans.values() for run in plan.search + plan.rerun}
    others = store.committed() - asked
    return asked | {run_id for run_id in others if _may_be_asked(study, plans, store, run_id)}


def committed_reruns(
    study: Study, plans: Mapping[str, Planned], store: Store, results: Results
) -> dict[str, list[Run]]:
    """The committed reruns of each model whose search is not over, which has to decide them again.

    There are some where a search run was lost or damaged after the reruns.
    """
    found: dict[str, list[Run]] = {name: [] for name, plan in plans.items() if not plan.searched}
    known = {run.run_id for plan in plans.values() for run in plan.search + plan.rerun}
    for run_id in sorted(results.committed - known):
        manifest = store.manifest(run_id)
        if manifest.stage == "rerun" and manifest.model in found:
            found[manifest.model] += _reruns(study, manifest)
    return found


def _reruns(study: Study, manifest: Manifest) -> list[Run]:
    """The rerun that is committed with this manifest; none if the space was another."""
    if manifest.varied.keys() != study.models[manifest.model].space.keys():
        return []
    searched = search_run(study, manifest.model, manifest.varied)
    runs = rerun_runs(study, manifest.model, [searched])
    return [run for run in runs if run.run_id == manifest.run_id]


def _may_be_asked(study: Study, plans: dict[str, Planned], store: Store, run_id: str) -> bool:
    """Whether the study may have asked for a committed run although it would not do so now.

    A damaged manifest does not say whose run it was: it may.
    """
    try:
        manifest = store.manifest(run_id)
    except TrajectoryError:
        return True
    plan = plans.get(manifest.model)
    if plan is None or not plan.searched:
        return plan is not None
    same = [run for run in plan.search if run.varied == manifest.varied]
    return manifest.run_id in {run.run_id for run in rerun_runs(study, manifest.model, same)}


def open_search(
    study: Study, model: str, store: Store, results: Results
) -> tuple[ModelSearch, list[Run]]:
    """The search of a model, and the runs it takes over instead of asking for them.

    Only an asynchronous search takes runs over: those that are committed and in its space.
    """
    search = ModelSearch(study, model)
    adopted = _committed(study, model, store, results) if search.asynchronous else []
    for run in adopted[: search.total]:
        search.adopt(run, results.value(run.run_id))
    return search, adopted[: search.total]


def _planned(study: Study, model: str, store: Store, results: Results) -> Planned:
    if not study.models[model].space:
        return Planned(0, [], True, rerun_runs(study, model, []))
    search, runs = open_search(study, model, store, results)
    while not search.asynchronous and not search.waiting and (asked := search.ask()):
        runs += asked
        search.tell(
            {run.run_id: results.value(run.run_id) for run in asked if run.run_id in results}
        )
    if len(runs) < search.total or search.waiting:
        return Planned(search.total, runs, False, [])
    selection = Selection(study, study.search.seeds)
    for run in runs:
        selection.offer(run, results.value(run.run_id))
    rerun = rerun_runs(study, model, selection.chosen(model))
    return Planned(search.total, runs, True, rerun)


def _committed(study: Study, model: str, store: Store, results: Results) -> list[Run]:
    """The committed search runs of a model that are in its space, in order of their start."""
    manifests = [store.manifest(run_id) for run_id in sorted(results.committed)]
    own = [one for one in manifests if (one.model, one.stage) == (model, "search")]
    space = study.models[model].space.keys()
    runs = [
        search_run(study, model, one.varied)
        for one in sorted(own, key=lambda one: one.started)
        if one.varied.keys() == space
    ]
    return [run for run in runs if run.run_id in results.committed]
