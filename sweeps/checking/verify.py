"""The proof, run by run, that no run is lost, there twice, swapped or altered."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from pinn_core.configuration import run_id as identity
from pinn_core.numerics import sources
from pinn_core.observations.table import known
from pinn_core.records.trajectory import LANDSCAPE, Manifest, Trajectory, TrajectoryError
from sweeps.checking.fields import field_problems
from sweeps.checking.parameters import parameter_problems
from sweeps.checking.replay import LEFT_OUT, Tell, replay
from sweeps.checking.verify_tracking import tracking_problems
from sweeps.errors import StudyError
from sweeps.store.observed import damaged_observations
from sweeps.store.store import Store
from sweeps.study.pruners import Pruner
from sweeps.study.space import value_at
from sweeps.study.study import Study, configuration_of
from sweeps.tracking.read_only import LeftOut


@dataclass(frozen=True)
class Finding:
    """A broken promise: its name, the run, the finding. ``run_id`` is None for the whole study.

    Names: ``missing``, ``unplanned``, ``conflict``, ``damaged``, ``identity``, ``steps``,
    ``nulls``, ``parameters``, ``fields``, ``data``, ``replay``, ``mlflow``.
    """

    name: str
    run_id: str | None
    message: str


@dataclass(frozen=True)
class Verification:
    """What was found, and how many of the sound runs were replayed how closely, by manner.

    Without findings the study is sound. ``mlflow_left_out`` says why MLflow's records in a
    read-only folder were not compared; it is None where they were, or were not asked for.
    """

    findings: list[Finding]
    replayed: dict[str, int]
    mlflow_left_out: str | None = None


def verify(
    study: Study,
    store: Store,
    planned: Collection[str],
    tracking_uri: str | None = None,
    tell: Tell | None = None,
) -> Verification:
    """Check a study's store against its plan, against itself, against new training, and MLflow.

    ``planned`` are the ids of the runs that the study asks for; without ``tracking_uri`` MLflow is
    left out, and where its database in a read-only folder is missing or unreadable. Nothing is
    changed. ``tell`` hears how far the new training is.
    """
    findings = list(_against_plan(store, planned))
    pruner = study.search.pruner
    sound: list[Manifest] = []
    for run_id in sorted(store.committed()):
        finding = _check_run(store, run_id, pruner)
        if finding:
            findings.append(finding)
        else:
            sound.append(store.manifest(run_id))
    damaged = damaged_observations(store.root, chain.from_iterable(map(_tables, sound)))
    findings += [Finding("data", None, problem) for problem in damaged.values()]
    lost = {content for content in damaged if known(content) is None}
    whole = [manifest for manifest in sound if lost.isdisjoint(_tables(manifest))]
    replayed = replay(store, whole, tell)
    if lost:
        replayed.counts[f"{LEFT_OUT}: their data cannot be read"] = len(sound) - len(whole)
    findings += [Finding("replay", *difference) for difference in replayed.differences.items()]
    left_out = None
    if tracking_uri is not None:
        try:
            problems = list(tracking_problems(tracking_uri, study.name, store, sound))
            findings += [Finding("mlflow", run_id, message) for run_id, message in problems]
        except LeftOut as why:
            left_out = str(why)
    return Verification(findings, dict(replayed.counts), left_out)


def _tables(manifest: Manifest) -> list[str]:
    """Hashes of the tables of a run's observations."""
    return [each["content"] for each in manifest.configuration.get("data", [])]


def _against_plan(store: Store, planned: Collection[str]) -> Iterator[Finding]:
    committed = store.committed()
    for run_id in sorted(set(planned) - committed):
        yield Finding("missing", run_id, "planned, but not committed")
    for run_id in sorted(committed - set(planned)):
        yield Finding("unplanned", run_id, "committed, but the study does not plan it")
    for file in store.conflicts():
        yield Finding("conflict", None, f"{file}: a second result that differs from the first")


def _check_run(store: Store, run_id: str, pruner: Pruner) -> Finding | None:
    """The first promise that the run breaks; later checks rely on the earlier ones."""
    try:
        manifest = store.manifest(run_id)
        trajectory = store.read(run_id)
        parameters, fields = store.parameters(run_id), store.fields(run_id)
    except TrajectoryError as error:
        return Finding("damaged", run_id, str(error))
    for name, problems in (
        ("identity", _identity_problems(manifest)),
        ("steps", _step_problems(manifest, trajectory)),
        ("steps", _rung_problems(manifest, pruner)),
        ("nulls", _null_problems(manifest, trajectory)),
        ("parameters", parameter_problems(manifest, trajectory, parameters)),
        ("fields", field_problems(manifest, parameters, fields)),
    ):
        for problem in problems:
            return Finding(name, run_id, problem)
    return None


def _identity_problems(manifest: Manifest) -> Iterator[str]:
    """The name must follow from configuration and seed, and what varied must stand in them."""
    try:
        configuration = configuration_of(manifest.configuration)
        recomputed = identity(configuration, manifest.seed, manifest.rule)
    except StudyError as error:
        yield f"its configuration is not valid: {error}"
        return
    same_code = sources(manifest.configuration) == manifest.plugins
    if same_code and recomputed != manifest.run_id:
        yield f"its configuration and seed belong to run {recomputed}"
    for key, value in manifest.varied.items():
        configured = _configured(manifest, key)
        if configured != value:
            yield f"varied {key} = {value!r}, configured {configured!r}"


def _configured(manifest: Manifest, key: str) -> object:
    try:
        return value_at(manifest.configuration, key)
    except (LookupError, TypeError, ValueError):
        return None


def _step_problems(manifest: Manifest, trajectory: Trajectory) -> Iterator[str]:
    steps = trajectory.table.column("step").to_pylist()
    planned = configured = configuration_of(manifest.configuration).steps
    if manifest.pruned_at is not None:
        planned = manifest.pruned_at
        if manifest.stage != "search" or not 0 < planned < configured:
            yield f"stopped early at {planned} of {configured} steps in the {manifest.stage}"
    if trajectory.pruned_at != manifest.pruned_at:
        yield f"stopped early at {manifest.pruned_at} declared, {trajectory.pruned_at} recorded"
    if manifest.steps != planned:
        yield f"{manifest.steps} steps declared, {planned} configured"
    if steps != list(range(planned + 1)):
        yield f"{len(steps)} rows that are not the steps 0 to {planned} in order"
    if trajectory.diverged_at != manifest.diverged_at:
        declared = manifest.diverged_at
        yield f"divergence declared at {declared}, recorded at {trajectory.diverged_at}"


def _rung_problems(manifest: Manifest, pruner: Pruner) -> Iterator[str]:
    """Runs stop early only where the study's pruner judges."""
    rungs = pruner.rungs(configuration_of(manifest.configuration).steps)
    if manifest.pruned_at is not None and manifest.pruned_at not in rungs:
        yield f"stopped early at {manifest.pruned_at}, where pruner {pruner.kind} does not judge"


def _null_problems(manifest: Manifest, trajectory: Trajectory) -> Iterator[str]:
    """Problems with nulls: a value where none is due, a null in a column that is always filled."""
    row = np.arange(trajectory.table.num_rows)
    alive = row <= (manifest.steps if manifest.diverged_at is None else manifest.diverged_at)
    for name in trajectory.table.column_names:
        filled = trajectory.table.column(name).is_valid().to_numpy(zero_copy_only=False)
        for wrong in row[filled & ~(alive & _may_be_filled(name, manifest, row))][:1]:
            if name != "step":
                yield f"{name} has a value at step {wrong}, where none is due"
        if name in ("loss/batch", "update/distance"):
            due = alive & (row != manifest.diverged_at)
            for wrong in row[due & ~filled][:1]:
                yield f"{name} is null at step {wrong}, though no divergence is declared there"


def _may_be_filled(name: str, manifest: Manifest, row: np.ndarray) -> np.ndarray:
    record, objective = manifest.configuration["record"], manifest.configuration["objective"]
    kind = name.partition("/")[0]
    for probe in record.get("probes", []):
        if kind == probe["kind"]:
            return _every(probe["every"], row)
    if name == "update/norm":
        return row < manifest.steps
    if name == "update/cosine":
        return (row > 0) & (row < manifest.steps)
    if name.startswith("full/"):
        return _every(record["full_every"], row)
    if name.startswith("held_out/"):
        return _every(record.get("held_out_every", 0), row)
    if name == "sketch":
        return _every(record["sketch_every"], row)
    if kind in LANDSCAPE:
        return _every(record.get(LANDSCAPE[kind], 0), row)
    observed = [f"loss/{each['name']}" for each in manifest.configuration.get("data", [])]
    seldom = name.startswith(("gradient/", "loss/residual")) or name in observed
    if seldom and objective.get("batch") != "full":
        return _every(record["gradients_every"], row)
    return np.ones_like(row, dtype=bool)


def _every(interval: int, row: np.ndarray) -> np.ndarray:
    return row % interval == 0 if interval else np.zeros_like(row, dtype=bool)
