"""MLflow against the store: each run is there once, finished, with its parameters and curves."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from analysis.rules import PlateauRule
from pinn_core.records.trajectory import Manifest, Trajectory
from sweeps.store.store import Store
from sweeps.store.writing import CannotReach
from sweeps.tracking import rows
from sweeps.tracking.mlflow_client import open_client, reason, search_runs
from sweeps.tracking.read_only import LeftOut, records_at
from sweeps.tracking.tracking_address import masked, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

Problem = tuple[str | None, str]


def tracking_problems(
    tracking_uri: str, study: str, store: Store, manifests: Iterable[Manifest]
) -> Iterator[Problem]:
    """Run id (None: the whole study) and description of what differs between store and MLflow.

    Records that MLflow cannot read are a problem of the whole study; raises ``CannotReach`` where
    the store cannot be read, and ``LeftOut`` for an unreadable database in a read-only folder.
    """
    try:
        with records_at(tracking_uri) as address:
            yield from _differences(tracking_uri, address, study, store, manifests)
    except (CannotReach, LeftOut):
        raise
    except Exception as error:  # MLflow and SQLAlchemy raise many kinds for a damaged record
        log.info("records at %s", masked(tracking_uri), exc_info=True)
        where = f"the records at {masked(tracking_uri)} cannot be read"
        yield None, f"{where}: {masked(reason(error))}"


def _differences(
    tracking_uri: str, address: str, study: str, store: Store, manifests: Iterable[Manifest]
) -> Iterator[Problem]:
    """What differs from the records at ``tracking_uri``, which are read at ``address``."""
    database = sqlite_file(address)
    client = None if database and not database.exists() else open_client(address)
    experiment = client.get_experiment_by_name(study) if client else None
    if client is None or experiment is None:
        yield None, f"no experiment {study!r} at {masked(tracking_uri)}: pinn-sweep sync writes it"
        return
    runs = search_runs(client, experiment.experiment_id)
    for run in runs:
        if run.info.status == "RUNNING":
            yield run.data.tags.get("run_id"), f"MLflow run {run.info.run_name!r} is still RUNNING"
    finished = defaultdict(list)
    for run in runs:
        if "run_id" in run.data.tags and run.info.status != "RUNNING":
            finished[run.data.tags["run_id"]].append(run)
    for manifest in manifests:
        yield from _run_problems(client, store, manifest, finished.pop(manifest.run_id, []))
    committed = store.committed()
    for run_id in sorted(set(finished) - committed):
        yield run_id, "in MLflow, but not in the store"


def _run_problems(
    client: "MlflowClient", store: Store, manifest: Manifest, found: list["Run"]
) -> Iterator[Problem]:
    states = [run.info.status for run in found]
    if states != ["FINISHED"]:
        described = " and ".join(states) or "none"
        yield manifest.run_id, f"one FINISHED run expected in MLflow, found {described}"
        return
    (run,) = found
    trajectory = store.read(manifest.run_id)
    problems = (
        *_description_problems(run, manifest),
        *_latest_problems(run, manifest, trajectory),
        *_curve_problems(client, run, trajectory.table),
    )
    for problem in problems[:1]:
        yield manifest.run_id, problem


def _description_problems(run: "Run", manifest: Manifest) -> Iterator[str]:
    for what, expected, published in (
        ("tag", rows.tags(manifest), run.data.tags),
        ("parameter", rows.parameters(manifest), run.data.params),
    ):
        for key, value in expected.items():
            if published.get(key) != value:
                yield f"{what} {key} is {published.get(key)!r} in MLflow, {value!r} in the store"


def _latest_problems(run: "Run", manifest: Manifest, trajectory: Trajectory) -> Iterator[str]:
    """The numbers of MLflow's table: summaries and last points, but for those of the plateau.

    Which rule those are by the study may have changed since: any curve that all runs have will do.
    """
    told = rows.metrics(manifest, trajectory, PlateauRule(curve="loss/batch"))
    expected = {one.key: one.value for one in told if not one.key.startswith("plateau.")}
    for key in expected.keys() & run.data.metrics.keys():
        if run.data.metrics[key] != expected[key]:
            yield f"{key} is {run.data.metrics[key]!r} in MLflow, {expected[key]!r} stored"


def _curve_problems(client: "MlflowClient", run: "Run", table: pa.Table) -> Iterator[str]:
    """Every logged point must be the Parquet's number at that step, once, and none missing."""
    curves = {}
    for name in rows.curve_columns(table):
        recorded = dict(zip(table["step"].to_pylist(), table[name].to_pylist(), strict=True))
        logged = [
            (point.step, point.value) for point in client.get_metric_history(run.info.run_id, name)
        ]
        if len({step for step, _ in logged}) < len(logged):
            yield f"{name}: a step is logged twice"
        for step, value in logged:
            if recorded.get(step) != value:
                yield f"{name} at step {step}: {value!r} in MLflow, {recorded.get(step)!r} stored"
        curves[name] = sorted(step for step, _ in logged)
    if not rows.are_whole(table, curves):
        yield "curves: points that were logged are missing"
