"""Runs of the store as MLflow runs: each is written once, also after an interruption.

A study is an experiment; each of its stages and models is a parent run, each run a child. A child
counts as published when it is FINISHED and described as the store's manifest says; anything
else under its run id is half-made: it is deleted, and the run written anew.
"""

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from pinn_core.records.committed import trajectory_from
from pinn_core.records.trajectory import Manifest
from sweeps.store.address import is_address
from sweeps.store.blob_store import blob_store_at
from sweeps.store.faults import reach
from sweeps.store.store import Store
from sweeps.study.study import Study
from sweeps.tracking import first_view, parents, rows
from sweeps.tracking.empty_database import empty_database
from sweeps.tracking.mlflow_client import move_artifacts, open_client, search_runs
from sweeps.tracking.tracking_address import SERVERS, sqlite_file
from sweeps.tracking.writers import Child, have_lost_files, log_files, writer_of

if TYPE_CHECKING:
    from mlflow.entities import Run

log = logging.getLogger(__name__)

KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Tag by which MLflow's pages show an experiment's runs, not what chat applications need."""

NOTE = "mlflow.note.content"
"""Tag that MLflow's pages show as the description of a run or an experiment, in Markdown."""


PAGE = "page"
"""Tag of the report's run with the hash of the page, set when all of the report is there."""


def make_database(file: Path) -> None:
    """A new SQLite database with MLflow's tables: whole or, if it is cut short, not at all.

    MLflow makes its tables in dozens of steps, and refuses what one that was stopped left behind.
    Files of its experiment "Default" belong beside the database, as those of studies do.
    """
    folder = blob_store_at(str(file.parent))
    with folder.alone(file.name):
        if not folder.exists(file.name):
            _set_journal_aside(file)
            default = (file.parent.absolute() / "artifacts" / "Default").as_uri()
            folder.write(file.name, empty_database(default))


def _set_journal_aside(file: Path) -> None:
    """The last changes of a database that was renamed or removed must not get into the new one."""
    with suppress(FileNotFoundError):
        journal = file.with_name(f"{file.name}-wal")
        journal.replace(journal.with_name(f"{journal.name}.of-another"))
    file.with_name(f"{file.name}-shm").unlink(missing_ok=True)


class Experiment:
    """The MLflow experiment of a study. One process at a time may write it.

    Makes database and experiment where they do not exist. A local database that was copied is told
    that its artifacts lie beside it here; ``moved_from`` is then where it looked for them. Every
    method may raise any error of MLflow, and may be called again then.
    """

    def __init__(self, tracking_uri: str, store: Store, study: Study) -> None:
        self.moved_from: str | None = None
        self._uri, self._store, self._study = tracking_uri, store, study
        database = sqlite_file(tracking_uri)
        if database and not database.exists():
            make_database(database)
        self._client = open_client(tracking_uri)
        self._id = self._open(database)
        self._writer = writer_of(self._client, self._id, tracking_uri)
        self._parents: dict[tuple[str, str], str] = {}
        self._ends: dict[tuple[str, str], int] = {}

    def publish(self, run_ids: Sequence[str]) -> int:
        """Write committed runs; returns how many were not there, but for lost files perhaps.

        Raises ``TrajectoryError`` if the store's files are damaged.
        """
        reach("before_publish")
        manifests = [self._store.manifest(run_id) for run_id in dict.fromkeys(run_ids)]
        for manifest in manifests:
            family = (manifest.stage, manifest.model)
            self._ends[family] = max(self._ends.get(family, 0), rows.end_time(manifest))
        present = self._writer.present(run_ids)
        missing = [
            manifest
            for manifest in manifests
            if manifest.run_id not in present or not self._is_published(manifest)
        ]
        self._writer.write([self._child(manifest) for manifest in missing])
        return len(missing)

    def _child(self, manifest: Manifest) -> Child:
        files, name = self._files(manifest), f"{manifest.run_id}.parquet"
        trajectory = trajectory_from(files[name], manifest, self._store.where(manifest.run_id))
        points = rows.metrics(manifest, trajectory, self._study.analysis.plateau)
        return Child(manifest, self._parent(manifest), points, files)

    def _files(self, manifest: Manifest) -> dict[str, bytes]:
        """The files that a run gets as artifacts: parameters and fields only those of a rerun."""
        files = {"parquet": self._store.content(manifest)}
        if manifest.stage == "rerun":
            files |= self._store.further_content(manifest)
        return {f"{manifest.run_id}.{ending}": content for ending, content in files.items()}

    def _is_published(self, manifest: Manifest) -> bool:
        """Whether a run is there and complete; then it gets files back that it has lost.

        Incomplete ones with its id are deleted.
        """
        published = self._published(manifest)
        if published is None:
            return False
        if have_lost_files(published.info.artifact_uri):
            files = self._files(manifest)
            log_files(published.info.artifact_uri, manifest, files, self._uri)
        return True

    def log_report(self, folder: Path, *, again: bool = True) -> None:
        """Put the report on a run of its own, which descriptions lead to, under ``report``.

        Unless ``again``, one whose page is there whole already stays as it is. A report whose page
        was not written yet, or was removed, is left out.
        """
        if not (folder / "index.html").is_file():
            return
        page = blake2b((folder / "index.html").read_bytes(), digest_size=16).hexdigest()
        found = self._search("tags.role = 'report'")
        if found and not again and found[0].data.tags.get(PAGE) == page:
            return
        report = found[0].info.run_id if found else self._make_report()
        self._client.log_artifacts(report, str(folder), "report")
        self._client.set_tag(report, PAGE, page)

    def finish(self, status: str = "FINISHED") -> None:
        """End the parent runs, with what stands for their children, and describe the study.

        Children that a lost answer left half-made are deleted.
        """
        runs = self._search()
        for child in (run for run in runs if _is_half_made(run)):
            self._client.delete_run(child.info.run_id)
        of_parent = defaultdict(list)
        for run in runs:
            if "run_id" in run.data.tags and not _is_half_made(run):
                of_parent[run.data.tags["mlflow.parentRunId"]].append(run)
        reports = [run for run in runs if run.data.tags.get("role") == "report"]
        link = _link(self._id, reports[0]) if reports else None
        for run in (run for run in runs if run.data.tags.get("role") == "parent"):
            end = self._ends.get(_family(run), run.info.start_time)
            end = max(end, run.info.end_time or 0)
            self._describe(run, of_parent[run.info.run_id], link, end)
            self._client.set_terminated(run.info.run_id, status, end)
        for run in reports:
            self._client.set_terminated(run.info.run_id, "FINISHED", run.info.start_time)
        self._describe_study(link)

    def _describe_study(self, report: str | None) -> None:
        """The experiment's description, unless somebody wrote another, and its first view."""
        tags = {first_view.TAG: first_view.view(self._study)}
        before = self._client.get_experiment(self._id).tags.get(NOTE, "")
        if not before or before.startswith(parents.OPENING):
            tags[NOTE] = parents.study_description(self._study, report)
        for key, value in tags.items():
            self._client.set_experiment_tag(self._id, key, value)

    def _describe(
        self, parent: "Run", children: Sequence["Run"], report: str | None, end: int
    ) -> None:
        """Give a parent the numbers of its children, as of their number, and its description."""
        from mlflow.entities import Metric, RunTag

        numbers = parents.summary([child.data.metrics for child in children])
        stage, model = _family(parent)
        said = parents.description(self._study, stage, model, children, report)
        self._client.log_batch(
            parent.info.run_id,
            # the number of children makes a later answer the last
            [Metric(key, value, end + len(children), 0) for key, value in numbers.items()],
            tags=[RunTag(NOTE, said)],
        )

    def _open(self, database: Path | None) -> str:
        """The experiment's id; artifacts lie beside a local database, or else beside the store.

        A server has a place of its own for them.
        """
        artifacts = None
        if database:
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")  # the UI reads while we write
            artifacts = (database.parent / "artifacts" / self._study.name).as_uri()
        elif not self._uri.startswith(SERVERS):
            artifacts = _beside(self._store.root)
        found = self._client.get_experiment_by_name(self._study.name)
        if found is None:
            return str(self._client.create_experiment(self._study.name, artifacts, KIND))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        before = str(found.artifact_location)
        if database and artifacts and _is_ours_elsewhere(before, artifacts, self._study.name):
            move_artifacts(database, found.experiment_id, before, artifacts)
            self.moved_from = before
            log.info("MLflow looked for artifacts in %s, and looks in %s now", before, artifacts)
        return str(found.experiment_id)

    def _published(self, manifest: Manifest) -> "Run | None":
        """The run, if it is there and complete; incomplete ones with its id are deleted."""
        published = None
        for run in self._search(f"tags.run_id = '{manifest.run_id}'"):
            finished = run.info.status == "FINISHED"
            if finished and not published and _describes(run, manifest):
                published = run
                continue
            if finished and not published:
                log.warning("MLflow's run %s differs from the store: replaced", manifest.run_id)
            self._client.delete_run(run.info.run_id)
        return published

    def _parent(self, manifest: Manifest) -> str:
        """MLflow's id of the run's parent, which is made, or set RUNNING again, where needed."""
        family = (manifest.stage, manifest.model)
        if family not in self._parents:
            self._parents[family] = self._revive_parent(family) or self._make_parent(manifest)
        return self._parents[family]

    def _revive_parent(self, family: tuple[str, str]) -> str | None:
        for run in self._search("tags.role = 'parent'"):
            if _family(run) == family:
                self._client.update_run(run.info.run_id, status="RUNNING")
                return str(run.info.run_id)
        return None

    def _make_parent(self, manifest: Manifest) -> str:
        stage, model = manifest.stage, manifest.model
        tags = {"role": "parent", "stage": stage, "model": model, "study": manifest.study}
        name, start = f"{stage} {model}", rows.start_time(manifest)
        made = self._client.create_run(self._id, start_time=start, run_name=name, tags=tags)
        return str(made.info.run_id)

    def _make_report(self) -> str:
        """A run for the report, which began when the last run of the study had ended."""
        start = max(self._ends.values(), default=0)
        tags = {"role": "report", "study": self._study.name}
        made = self._client.create_run(self._id, start_time=start, run_name="report", tags=tags)
        return str(made.info.run_id)

    def _search(self, condition: str = "") -> list["Run"]:
        return search_runs(self._client, self._id, condition)


def _describes(run: "Run", manifest: Manifest) -> bool:
    """Whether a run of MLflow has the tags and parameters that the store's run gives it."""
    tags = rows.tags(manifest).items() <= run.data.tags.items()
    return tags and dict(run.data.params) == rows.parameters(manifest)


def _is_ours_elsewhere(before: str, now: str, study: str) -> bool:
    """Whether an address is that of a study's artifacts in another folder of runs."""
    return before.startswith("file:") and before.endswith(f"/artifacts/{study}") and before != now


def _beside(root: str) -> str:
    """Address of the artifacts next to a store; on an object store MLflow itself needs boto3."""
    if is_address(root):
        return root.partition("?")[0].rpartition("/")[0] + "/artifacts"
    return Path(root).absolute().with_name("artifacts").as_uri()


def _is_half_made(run: "Run") -> bool:
    return "run_id" in run.data.tags and run.info.status == "RUNNING"


def _link(experiment_id: str, report: "Run") -> str:
    """Where MLflow's site shows the report, below the site's address."""
    run = f"#/experiments/{experiment_id}/runs/{report.info.run_id}"
    return f"{run}/artifacts/report/index.html"


def _family(parent: "Run") -> tuple[str, str]:
    return parent.data.tags["stage"], parent.data.tags["model"]
