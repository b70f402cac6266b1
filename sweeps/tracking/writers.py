"""How runs get into MLflow: one by one by its client, or many at once into its database."""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from pinn_core.records.trajectory import Manifest
from sweeps.tracking import rows
from sweeps.tracking.mlflow_client import search_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Child:
    """A committed run as MLflow gets it, below its parent: what describes it, and its files."""

    manifest: Manifest
    parent: str
    points: Sequence[rows.Point]
    files: Mapping[str, bytes]
    """Contents by name; the manifest is made of itself."""

    @property
    def name(self) -> str:
        """What MLflow's pages call it."""
        return f"{self.manifest.model} {self.manifest.run_id[:8]}"

    @property
    def tags(self) -> dict[str, str]:
        """What it is found by, and its place in the table of runs."""
        return {**rows.tags(self.manifest), "mlflow.parentRunId": self.parent}


class Writer(Protocol):
    """Writes runs into one experiment of MLflow; every method may raise any error of MLflow."""

    def present(self, run_ids: Collection[str]) -> set[str]:
        """Those of these run ids that runs of the experiment have, in whatever state."""

    def write(self, children: Sequence[Child]) -> None:
        """Write runs that are not present."""


def writer_of(client: "MlflowClient", experiment_id: str, tracking_uri: str) -> Writer:
    """What writes fastest at an address: into a database itself, or else by the client."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = client._tracking_client.store
    if isinstance(store, SqlAlchemyStore):
        return DatabaseWriter(store, experiment_id, tracking_uri)
    return ClientWriter(client, experiment_id, tracking_uri)


class ClientWriter:
    """By MLflow's client, as a server needs it: five requests for each run.

    A run is FINISHED at last; one that is not is half-made.
    """

    def __init__(self, client: "MlflowClient", experiment_id: str, tracking_uri: str) -> None:
        self._client, self._id, self._uri = client, experiment_id, tracking_uri

    def present(self, run_ids: Collection[str]) -> set[str]:
        """Those that a search finds."""
        return {
            run_id
            for run_id in run_ids
            if search_runs(self._client, self._id, f"tags.run_id = '{run_id}'")
        }

    def write(self, children: Sequence[Child]) -> None:
        """Write one after the other."""
        for child in children:
            self._write(child)

    def _write(self, child: Child) -> None:
        from mlflow.entities import Metric, Param

        manifest = child.manifest
        made = self._client.create_run(
            self._id, start_time=rows.start_time(manifest), run_name=child.name, tags=child.tags
        ).info
        parameters = [Param(key, value) for key, value in rows.parameters(manifest).items()]
        metrics = [Metric(*point) for point in child.points]
        self._client.log_batch(made.run_id, metrics=metrics, params=parameters)
        log_files(made.artifact_uri, manifest, child.files, self._uri)
        self._client.set_terminated(made.run_id, "FINISHED", rows.end_time(manifest))


class DatabaseWriter:
    """Straight into the tables of MLflow's database, all runs in one transaction.

    The rows are those that MLflow's client leaves there; a transaction is whole or not at all.
    """

    def __init__(self, store: Any, experiment_id: str, tracking_uri: str) -> None:  # noqa: ANN401
        self._transaction = store.ManagedSessionMaker
        self._id, self._uri = experiment_id, tracking_uri
        self._location = store.get_experiment(experiment_id).artifact_location.rstrip("/")

    def present(self, run_ids: Collection[str]) -> set[str]:
        """Those that the table of tags has, of runs that are not deleted."""
        from mlflow.store.tracking.dbmodels import models

        run: Any = models.SqlRun
        tag: Any = models.SqlTag
        here = (run.experiment_id == int(self._id), run.lifecycle_stage == "active")
        named = (tag.key == "run_id", tag.value.in_(list(run_ids)))
        with self._transaction(read_only=True) as session:
            tags = session.query(tag.value).join(run, run.run_uuid == tag.run_uuid)
            return {value for (value,) in tags.filter(*here, *named)}

    def write(self, children: Sequence[Child]) -> None:
        """Write their files, and then all rows at once."""
        from mlflow.store.tracking.dbmodels import models
        from sqlalchemy import insert

        named = [(uuid4().hex, child) for child in children]
        tables = (
            (models.SqlRun, [self._run(uuid, child) for uuid, child in named]),
            (models.SqlTag, _each(named, _tags)),
            (models.SqlParam, _each(named, _parameters)),
            (models.SqlMetric, _each(named, _metrics)),
            (models.SqlLatestMetric, _each(named, _latest)),
        )
        for uuid, child in named:
            log_files(self._artifacts(uuid), child.manifest, child.files, self._uri)
        with self._transaction(read_only=False) as session:
            for table, values in tables:
                if values:
                    session.execute(insert(table.__table__), values)

    def _artifacts(self, uuid: str) -> str:
        return f"{self._location}/{uuid}/artifacts"

    def _run(self, uuid: str, child: Child) -> dict[str, Any]:
        return {
            "run_uuid": uuid,
            "name": child.name,
            "experiment_id": int(self._id),
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "source_version": "",
            "user_id": "unknown",
            "status": "FINISHED",
            "start_time": rows.start_time(child.manifest),
            "end_time": rows.end_time(child.manifest),
            "lifecycle_stage": "active",
            "artifact_uri": self._artifacts(uuid),
        }


def log_files(
    artifacts: str, manifest: Manifest, files: Mapping[str, bytes], tracking_uri: str
) -> None:
    """Put a run's files and its manifest below an address of artifacts.

    Not by MLflow's client, which would keep something for every run.
    """
    contents = {**files, f"{manifest.run_id}.json": manifest.to_json().encode()}
    if artifacts.startswith("file:"):
        _write_files(_local(artifacts) / "trajectory", contents)
        return
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(artifacts, tracking_uri=tracking_uri)
    with tempfile.TemporaryDirectory() as folder:
        _write_files(Path(folder), contents)
        repository.log_artifacts(folder, "trajectory")  # type: ignore[no-untyped-call]


def have_lost_files(artifacts: str) -> bool:
    """Whether the artifacts of a published run belong on this machine and are not there."""
    return artifacts.startswith("file:") and not (_local(artifacts) / "trajectory").is_dir()


def _local(artifacts: str) -> Path:
    from mlflow.utils.file_utils import local_file_uri_to_path

    return Path(local_file_uri_to_path(artifacts))  # type: ignore[no-untyped-call]


def _write_files(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _each(named: Iterable[tuple[str, Child]], rows_of: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """The rows of all runs, each with the run's name in MLflow."""
    return [{**row, "run_uuid": uuid} for uuid, child in named for row in rows_of(child)]


def _tags(child: Child) -> Iterator[dict[str, str]]:
    from mlflow.utils.validation import _validate_tag

    for key, value in {**child.tags, "mlflow.runName": child.name}.items():
        tag = _validate_tag(key, value)  # type: ignore[no-untyped-call]
        yield {"key": tag.key, "value": tag.value}


def _parameters(child: Child) -> Iterator[dict[str, str]]:
    from mlflow.utils.validation import _validate_param

    for key, value in rows.parameters(child.manifest).items():
        parameter = _validate_param(key, value)  # type: ignore[no-untyped-call]
        yield {"key": parameter.key, "value": parameter.value}


def _metrics(child: Child) -> Iterator[dict[str, Any]]:
    for point in child.points:
        yield _metric(point)


def _metric(point: rows.Point) -> dict[str, Any]:
    key, value, timestamp, step = point
    return {"key": key, "value": value, "timestamp": timestamp, "step": step, "is_nan": False}


def _latest(child: Child) -> Iterator[dict[str, Any]]:
    """The last point of every key, as MLflow's table of runs shows it."""
    from mlflow.utils.validation import _validate_metric_name

    last: dict[str, rows.Point] = {}
    for point in child.points:
        before = last.get(point.key)
        if before is None or (before.step, before.timestamp) <= (point.step, point.timestamp):
            last[point.key] = point
    for point in last.values():
        _validate_metric_name(point.key)  # type: ignore[no-untyped-call]
        yield _metric(point)
