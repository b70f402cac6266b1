"""A study file that changed since the study ran: what may change, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from analysis.metric import PLATEAUS
from pinn_core.configuration import RULE
from pinn_core.numerics import changed, numerics, sources
from sweeps.errors import StudyError
from sweeps.search.planned import planned_runs
from sweeps.store.checkpoints import begun
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import Study
from sweeps.study.validation import shown

SHOWN = 8
"""How many changed keys an error lists."""

ABSENT = "absent"


def under_its_rule(study: Study, folder: StudyFolder, store: Store) -> Study:
    """The study under the rule by which its committed runs got their names and seeds."""
    before = _as_it_ran(folder)
    return study if before is None or not store.committed() else study.under_rule(before.rule)


def refuse_to_mix(study: Study, folder: StudyFolder, store: Store) -> None:
    """Raise ``StudyError`` if runs are missing that would not be comparable with those there.

    Under older numerics, an older rule or other code of a plugin a study is only read: going on
    needs another name.
    """
    results = _results(study, folder, store)
    _refuse_other_code(study, store)
    older = _older(study, store)
    if not older or _is_complete(study, store, results):
        return
    raise StudyError(
        f"study {study.name!r} began under an earlier version of this program ({older}): new runs "
        f"would not be comparable with the {len(results.committed)} that are there, which status, "
        f"report, verify and sync still read; to train it anew, give it another name "
        f"(name={study.name}-2)",
        topic="earlier-version",
    )


def _refuse_other_code(study: Study, store: Store) -> None:
    """Raise ``StudyError`` if committed runs have parts of plugins whose code has changed."""
    others: dict[str, list[str]] = {}
    for manifest in store.manifests():
        for part, now in sources(manifest.configuration).items():
            if manifest.plugins.get(part) != now:
                others.setdefault(part, []).append(manifest.run_id)
    if others:
        parts = ", ".join(f"{part} ({len(runs)} runs)" for part, runs in others.items())
        raise StudyError(
            f"study {study.name!r} has runs that were made by other code of a plugin: {parts}; "
            f"they would all be made again by the code as it is now: undo the change, or give the "
            f"study another name (name={study.name}-2)",
            topic="plugin-code-changed",
        )


def _older(study: Study, store: Store) -> str:
    """In which way the committed runs are an earlier program's; empty if they are not."""
    differences = {} if study.rule == RULE else {"rule": (study.rule, RULE)}
    for manifest in store.manifests():
        backend = manifest.environment.get("backend", "")
        now = numerics(manifest.configuration, backend)
        differences |= changed(manifest.numerics, now)
    return ", ".join(f"{name} {was}, now {now}" for name, (was, now) in differences.items())


def _is_complete(study: Study, store: Store, results: Results) -> bool:
    """Whether every run that the study plans is settled."""
    plans = planned_runs(study, store, results).values()
    return all(plan.searched for plan in plans) and all(
        run.run_id in results for plan in plans for run in (*plan.search, *plan.rerun)
    )


def refuse_changes(study: Study, folder: StudyFolder, store: Store) -> str:
    """Raise ``StudyError`` if runs planned when the study last ran would change or vanish.

    Added values, seeds and models are welcome. While no run is committed and no checkpoint kept
    another plan may take the place of the first: then the answer says so, and is empty otherwise.
    Where the file that says what was planned is gone or damaged, what is committed says it.
    """
    before = _as_it_ran(folder)
    if before is None:
        _refuse_orphans(study, folder, store)
        return ""
    changes = list(differences(science(before), science(study)))
    lost = _lost(before, study, folder, store) if changes else set()
    if not lost:
        return ""
    if not store.committed() and not begun(store.root):
        more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
        return f"the plan before, of which no run had finished, is replaced: {changes[0]}{more}"
    listed = "\n".join(f"  {line}" for line in changes[:SHOWN])
    more = f"\n  and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    raise StudyError(
        f"study {study.name!r} has changed since it ran ({folder.study_file}): {len(lost)} of "
        f"its planned runs would change or vanish\n{listed}{more}\n"
        f"give the changed study another name (name={study.name}-2) or undo the change",
        topic="other-plan",
    )


def _as_it_ran(folder: StudyFolder) -> Study | None:
    """The study as it last ran; None if the file that says so is gone or damaged."""
    try:
        return load_sealed(folder.study_file) if folder.study_file.is_file() else None
    except StudyError:
        return None


def _refuse_orphans(study: Study, folder: StudyFolder, store: Store) -> None:
    """Raise ``StudyError`` if there are committed runs that the study cannot have planned."""
    orphans = _orphans(study, store, _results(study, folder, store))
    if orphans:
        raise StudyError(
            f"study {study.name!r}: {folder.study_file} is damaged or missing, and {len(orphans)} "
            f"runs in {store.root} are not planned by the study given now, {min(orphans)} the "
            f"first; give it as it was, or another name (name={study.name}-2)",
            topic="damaged-study-file",
        )


def _orphans(study: Study, store: Store, results: Results) -> set[str]:
    """Ids of the committed runs that the study does not plan, as far as its search has decided."""
    committed = store.manifests()
    if not committed or study.search.generation == "async":
        return set()
    orphans = {one.run_id for one in committed if one.model not in study.models}
    for model, plan in planned_runs(study, store, results).items():
        search = {one.run_id for one in committed if (one.model, one.stage) == (model, "search")}
        rerun = {one.run_id for one in committed if (one.model, one.stage) == (model, "rerun")}
        known = {run.run_id for run in plan.search}
        if len(known) == plan.total or not search & known:
            orphans |= search - known
        if plan.searched:
            orphans |= rerun - {run.run_id for run in plan.rerun}
    return orphans


def _lost(before: Study, after: Study, folder: StudyFolder, store: Store) -> set[str]:
    """Ids of the runs that ``before`` plans and ``after`` does not."""
    old = planned_runs(before, store, _results(before, folder, store))
    new = planned_runs(after, store, _results(after, folder, store))
    lost: set[str] = set()
    for model, was in old.items():
        now = new.get(model)
        kept = {run.run_id for run in now.search + now.rerun} if now else set()
        at_stake = was.search + (was.rerun if now is None or now.searched else [])
        lost |= {run.run_id for run in at_stake} - kept
    if before.search.pruner != after.search.pruner:  # those that it stopped are not what is asked
        lost |= {one.run_id for one in store.manifests() if one.pruned_at is not None}
    return lost


def _results(study: Study, folder: StudyFolder, store: Store) -> Results:
    return Results(store, study.metric, folder.passed_over)


def science(study: Study) -> dict[str, Any]:
    """What decides the runs."""
    plain = study.model_dump(mode="json", exclude={"analysis", "expected", "resources"})
    if study.metric.kind in PLATEAUS:
        plain["analysis"] = {"plateau": asdict(study.analysis.plateau)}
    return plain


def differences(before: object, after: object, key: str = "") -> Iterator[str]:
    """The keys whose values differ, as lines."""
    old, new = _by_key(before), _by_key(after)
    if old is not None and new is not None:
        for name in {**old, **new}:
            below = f"{key}.{name}" if key else str(name)
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), below)
    elif before != after:
        yield f"{key}: was {_shown(before)}, is {_shown(after)}"


def _by_key(value: object) -> Mapping[Any, object] | None:
    """A mapping, or a list of mappings (phases) by position; None for anything else."""
    if isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
        return dict(enumerate(value))
    return value if isinstance(value, Mapping) else None


def _shown(value: object) -> str:
    return ABSENT if value == ABSENT else shown(value)
