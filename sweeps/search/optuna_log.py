"""The searches of a study as a journal that Optuna's dashboard reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState, create_trial

from pinn_core.configuration import canonical_json
from pinn_core.records.trajectory import Manifest
from sweeps.search.candidate import median
from sweeps.search.cost import cost_of
from sweeps.search.distributions import distributions
from sweeps.search.search import directions, outcome
from sweeps.store.folder import write_whole
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.plan import search_run
from sweeps.study.study import Study

optuna.logging.set_verbosity(optuna.logging.WARNING)


def write_optuna_log(study: Study, store: Store, results: Results, file: Path) -> None:
    """Write all committed search runs anew: a study for each model, a trial for each configuration.

    Those without a number are FAIL, those that were stopped early, or got no further seeds, PRUNED.
    The values over several seeds are their trial's intermediate values. The file appears
    whole; read it with Optuna's ``JournalStorage(JournalFileBackend(file))`` or
    ``optuna-dashboard file``.
    """
    lines = _Lines()
    storage = JournalStorage(lines)
    manifests = [one for one in store.manifests() if one.stage == "search"]
    for name, model in study.models.items():
        if not model.space:
            continue
        trials = optuna.create_study(
            study_name=f"{study.name} {name}", storage=storage, directions=directions(study)
        )
        for alike in _by_configuration(one for one in manifests if one.model == name):
            trials.add_trial(
                create_trial(
                    **_outcome_of(alike, study, results),
                    params=alike[0].varied,
                    distributions=distributions(model.space),
                    user_attrs={"run_id": alike[0].run_id, "seed": alike[0].seed},
                )
            )
    write_whole(file, lines.text())


def _by_configuration(manifests: Iterable[Manifest]) -> list[list[Manifest]]:
    """Each configuration's by seed; in the order in which the configurations began."""
    found: dict[str, list[Manifest]] = {}
    for manifest in sorted(manifests, key=lambda one: one.started):
        found.setdefault(canonical_json(manifest.varied), []).append(manifest)
    return [sorted(alike, key=lambda one: one.seed) for alike in found.values()]


def _outcome_of(alike: list[Manifest], study: Study, results: Results) -> dict[str, Any]:
    """What a configuration reached, as keywords of Optuna's ``create_trial``."""
    values = [results.value(one.run_id) for one in alike]
    cost = cost_of(study, search_run(study, alike[0].model, alike[0].varied))
    if study.search.seeds == 1:
        return outcome(values[0], cost)
    told = outcome(median(values, study.metric), cost)
    if not cost:  # Optuna has none where there are several objectives
        known = [outcome(value).get("values") for value in values]
        told["intermediate_values"] = {seed: one[0] for seed, one in enumerate(known) if one}
    if len(values) < study.search.seeds and told["state"] is TrialState.COMPLETE:
        told["state"] = TrialState.PRUNED
    return told


class _Lines(BaseJournalBackend):
    """A journal in memory: Optuna's own file backend would lock and sync for every line."""

    def __init__(self) -> None:
        self._logs: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._logs += logs

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self._logs[log_number_from:]

    def text(self) -> str:
        """As ``JournalFileBackend`` would have written it."""
        return "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in self._logs)
