"""The searches of a study as a journal that Optuna's dashboard reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import create_trial

from sweeps.search.distributions import distributions
from sweeps.search.search import outcome
from sweeps.store.folder import write_whole
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import Study

optuna.logging.set_verbosity(optuna.logging.WARNING)


def write_optuna_log(study: Study, store: Store, results: Results, file: Path) -> None:
    """Write all committed search runs anew: a study for each model, a trial for each run.

    Runs without a final value are FAIL, those that were stopped early PRUNED. The file appears
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
            study_name=f"{study.name} {name}", storage=storage, direction=study.search.direction
        )
        for manifest in sorted(manifests, key=lambda one: one.started):
            if manifest.model == name:
                trials.add_trial(
                    create_trial(
                        **outcome(results.value(manifest.run_id)),
                        params=manifest.varied,
                        distributions=distributions(model.space),
                        user_attrs={"run_id": manifest.run_id, "seed": manifest.seed},
                    )
                )
    write_whole(file, lines.text())


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
