"""Every way to spoil a good study must be found, even where the checksums were made to agree."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from mlflow import MlflowClient

from pinn_core.records.trajectory import Manifest, Trajectory
from pinn_core.training.trainer import Member, environment, train
from sweeps.checking.verify import verify
from sweeps.errors import StudyError
from sweeps.store.kept_study import load_sealed, sealed
from sweeps.store.store import ENDINGS, Store
from sweeps.study.plan import Run, model_points, search_run
from sweeps.study.study import Study
from sweeps.tracking.mlflow_client import open_client, search_runs
from sweeps.tracking.tracking import default_tracking_uri, sync
from tests.sweeps.samples import commit, sample_study, with_value


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of a small study that was really trained."""
    folder = tmp_path_factory.mktemp("good")
    store = Store(str(folder / "store"))
    for runs in packs(sample_study(folder)):
        trajectories = train([Member(run.configuration, run.seed) for run in runs])
        for run, trajectory in zip(runs, trajectories, strict=True):
            commit(store, run, trajectory, environment=environment("cpu"))
    return folder


def packs(study: Study) -> list[list[Run]]:
    return [
        [search_run(study, model, point) for point in model_points(study, model)]
        for model in study.models
    ]


class Sample:
    """A copy of the good study to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.study = sample_study(folder)
        self.store = Store(str(folder / "store"))
        self.runs = [run for pack in packs(self.study) for run in pack]
        self.first, self.second = self.runs[:2]

    def file(self, run: Run, ending: str = "parquet") -> Path:
        return Path(self.store.where(run.run_id)).with_suffix(f".{ending}")

    def found(self, **how: Any) -> set[tuple[str, str | None]]:
        planned = {run.run_id for run in self.runs}
        findings = verify(self.study, self.store, planned, **how).findings
        assert all(finding.message and "\n" not in finding.message for finding in findings)
        return {(finding.name, finding.run_id) for finding in findings}

    def read(self, run: Run) -> Trajectory:
        """A run's trajectory with the parameters that it left."""
        trajectory = self.store.read(run.run_id)
        return replace(trajectory, parameters=self.store.parameters(run.run_id))

    def forge(self, run: Run, trajectory: Trajectory, **facts: Any) -> None:
        """Replace a committed run so that file, checksum and digest agree."""
        given = {"environment": environment("cpu")} | facts
        for ending in ENDINGS:
            self.file(run, ending).unlink(missing_ok=True)
        commit(self.store, run, trajectory, **given)


@pytest.fixture
def sample(good: Path, tmp_path: Path) -> Sample:
    copytree(good, tmp_path, dirs_exist_ok=True)
    return Sample(tmp_path)


def test_a_good_study_passes(sample: Sample) -> None:
    assert sample.found() == set()


def test_a_run_that_diverged_passes(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "models.pinn.space.phases.0.learning_rate=[1.0e+20]")
    run = packs(study)[0][0]
    store = Store(str(tmp_path / "store"))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    assert commit(store, run, trajectory, environment=environment("cpu")).diverged_at == 1
    assert verify(study, store, {run.run_id}).findings == []


def test_a_run_with_unknowns_passes(tmp_path: Path) -> None:
    problem = "{kind: conductivity_inverse, points_x: 8, points_t: 6}"
    study = sample_study(tmp_path, f"base.problem={problem}")
    run = packs(study)[0][0]
    store = Store(str(tmp_path / "store"))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    commit(store, run, trajectory, environment=environment("cpu"))
    assert verify(study, store, {run.run_id}).findings == []


def test_a_lost_run_is_missing(sample: Sample) -> None:
    sample.file(sample.first, "json").unlink()
    assert sample.found() == {("missing", sample.first.run_id)}


def test_a_run_that_nobody_planned_is_found(sample: Sample) -> None:
    surplus = sample.runs.pop()
    assert sample.found() == {("unplanned", surplus.run_id)}


def test_a_run_copied_over_another_is_found(sample: Sample) -> None:
    for ending in ("json", "parquet"):
        sample.file(sample.first, ending).write_bytes(
            sample.file(sample.second, ending).read_bytes()
        )
    assert sample.found() == {("damaged", sample.first.run_id)}


def test_a_second_different_result_is_found(sample: Sample) -> None:
    changed = with_value(sample.read(sample.first), "loss/batch", 9, 1.0)
    commit(sample.store, sample.first, changed)
    assert sample.found() == {("conflict", None)}


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_changed_bit_is_found(sample: Sample, place: float) -> None:
    content = bytearray(sample.file(sample.first).read_bytes())
    content[int(place * len(content))] ^= 1
    sample.file(sample.first).write_bytes(content)
    assert sample.found() == {("damaged", sample.first.run_id)}


def test_two_swapped_files_are_found(sample: Sample) -> None:
    first, second = sample.file(sample.first), sample.file(sample.second)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    both = {sample.first.run_id, sample.second.run_id}
    assert sample.found() == {("damaged", run_id) for run_id in both}


@pytest.mark.parametrize("key", ["phases.0.learning_rate", "objective.lambda_b"])
def test_two_members_swapped_before_the_commit_are_found(sample: Sample, key: str) -> None:
    first = sample.first
    second = next(
        run
        for run in sample.runs
        if run.varied.keys() == first.varied.keys()
        and [name for name in first.varied if run.varied[name] != first.varied[name]] == [key]
    )
    trajectories = [sample.read(run) for run in (first, second)]
    sample.forge(first, trajectories[1])
    sample.forge(second, trajectories[0])
    assert sample.found() == {("replay", first.run_id), ("replay", second.run_id)}


def test_swapped_members_are_found_on_another_machine_too(sample: Sample) -> None:
    trajectories = [sample.read(run) for run in (sample.first, sample.second)]
    elsewhere = {"environment": {"processor": "another"}}
    sample.forge(sample.first, trajectories[1], **elsewhere)
    sample.forge(sample.second, trajectories[1], **elsewhere)
    assert sample.found() == {("replay", sample.first.run_id)}


def test_another_seed_is_found(sample: Sample) -> None:
    (other,) = train([Member(sample.first.configuration, seed=1)])
    sample.forge(sample.first, other)
    assert sample.found() == {("parameters", sample.first.run_id)}


def test_a_run_from_before_work_was_counted_is_sound(sample: Sample) -> None:
    stored = sample.read(sample.first)
    sample.forge(
        sample.first, replace(stored, table=stored.table.drop_columns(["work/evaluations"]))
    )
    assert sample.found() == set()


def rows(trajectory: Trajectory, picked: list[int]) -> Trajectory:
    return replace(trajectory, table=trajectory.table.take(pa.array(picked)))


@pytest.mark.parametrize(
    "picked",
    [
        pytest.param([*range(20), *range(21, 41)], id="dropped"),
        pytest.param([*range(21), *range(20, 41)], id="duplicated"),
        pytest.param([*range(40)], id="cut short"),
        pytest.param([*range(20), 21, 20, *range(22, 41)], id="exchanged"),
    ],
)
def test_rows_that_are_not_the_steps_are_found(sample: Sample, picked: list[int]) -> None:
    sample.forge(sample.first, rows(sample.read(sample.first), picked))
    assert sample.found() == {("steps", sample.first.run_id)}


def test_numbers_shifted_by_a_step_are_found(sample: Sample) -> None:
    trajectory = sample.read(sample.first)
    shifted = rows(trajectory, [*range(1, 41), 40]).table
    steps = pa.array(np.arange(41, dtype=np.int32))
    sample.forge(sample.first, replace(trajectory, table=shifted.set_column(0, "step", steps)))
    assert sample.found() == {("nulls", sample.first.run_id)}


@pytest.mark.parametrize(
    ("column", "step", "value"),
    [
        ("update/norm", 40, 1.0),
        ("update/cosine", 0, 1.0),
        ("full/loss/residual", 5, 1.0),
        ("loss/batch", 5, None),
    ],
)
def test_cells_filled_or_empty_out_of_turn_are_found(
    sample: Sample, column: str, step: int, value: float | None
) -> None:
    trajectory = sample.read(sample.first)
    sample.forge(sample.first, with_value(trajectory, column, step, value))
    assert sample.found() == {("nulls", sample.first.run_id)}


def test_values_after_a_divergence_are_found(sample: Sample) -> None:
    trajectory = sample.read(sample.first)
    sample.forge(sample.first, replace(trajectory, diverged_at=30))
    assert sample.found() == {("nulls", sample.first.run_id)}


def edit_manifest(sample: Sample, *keys: str, to: object) -> None:
    """Change one value of a manifest, and its checksum with it."""
    file = sample.file(sample.first, "json")
    plain = asdict(Manifest.from_json(file.read_text()))
    part = plain
    for key in keys[:-1]:
        part = part[key]
    assert part[keys[-1]] != to
    part[keys[-1]] = to
    file.write_text(Manifest(**plain).to_json())


def test_one_changed_bit_of_a_manifest_is_found(sample: Sample) -> None:
    file = sample.file(sample.first, "json")
    told = file.read_text()
    assert '"seconds": 2.5' in told
    file.write_text(told.replace('"seconds": 2.5', '"seconds": 2.4'))
    assert sample.found() == {("damaged", sample.first.run_id)}


def test_two_swapped_manifests_are_found(sample: Sample) -> None:
    first, second = sample.file(sample.first, "json"), sample.file(sample.second, "json")
    content = first.read_text()
    first.write_text(second.read_text())
    second.write_text(content)
    both = {sample.first.run_id, sample.second.run_id}
    assert sample.found() == {("damaged", run_id) for run_id in both}


def test_a_manifest_of_another_schema_is_found(sample: Sample) -> None:
    edit_manifest(sample, "schema_version", to=99)
    assert sample.found() == {("damaged", sample.first.run_id)}


def test_a_configuration_altered_together_with_the_runs_name_is_found(sample: Sample) -> None:
    point = {"phases.0.learning_rate": 0.5, "objective.lambda_b": 10.0}
    forged = search_run(sample.study, "pinn", point)
    trajectory = sample.read(sample.first)
    for ending in ("json", "parquet"):
        sample.file(sample.first, ending).unlink()
    commit(sample.store, forged, trajectory, environment=environment("cpu"))
    assert sample.found() == {
        ("missing", sample.first.run_id),
        ("unplanned", forged.run_id),
        ("replay", forged.run_id),
    }


def test_an_altered_plan_is_found(sample: Sample) -> None:
    lost = {run.run_id for run in sample.runs if run.varied.get("objective.lambda_b") == 100.0}
    sample.study = sample_study(
        Path(sample.store.root).parent, "models.pinn.space.objective.lambda_b=[10.0, 50.0]"
    )
    sample.runs = [run for pack in packs(sample.study) for run in pack]
    new = {run.run_id for run in sample.runs if run.varied.get("objective.lambda_b") == 50.0}
    assert sample.found() == {("unplanned", one) for one in lost} | {
        ("missing", one) for one in new
    }


def test_an_altered_study_file_is_named(sample: Sample, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(sealed(sample.study).replace("steps: 40", "steps: 41"))
    with pytest.raises(StudyError, match=r"study\.yaml: damaged or edited"):
        load_sealed(file)


def test_a_manifest_with_another_seed_is_found(sample: Sample) -> None:
    edit_manifest(sample, "seed", to=1)
    assert sample.found() == {("identity", sample.first.run_id)}


def test_a_manifest_that_reports_other_settings_than_it_ran_is_found(sample: Sample) -> None:
    run = replace(sample.first, varied={"phases.0.learning_rate": 0.5, "network.widht": 3})
    sample.forge(run, sample.read(run))
    assert sample.found() == {("identity", run.run_id)}


def test_a_configuration_that_is_none_is_found(sample: Sample) -> None:
    edit_manifest(sample, "configuration", "network", "kind", to="mpl")
    assert sample.found() == {("identity", sample.first.run_id)}


@pytest.fixture(scope="module")
def uri(good: Path) -> str:
    """MLflow as the good study's store has it."""
    address = default_tracking_uri(good)
    sync(sample_study(good), Store(str(good / "store")), address)
    return address


def add_running(client: MlflowClient, experiment: str, run: str) -> None:
    client.create_run(experiment)


def add_twin(client: MlflowClient, experiment: str, run: str) -> None:
    tags = client.get_run(run).data.tags
    client.set_terminated(client.create_run(experiment, tags=tags).info.run_id)


def delete(client: MlflowClient, experiment: str, run: str) -> None:
    client.delete_run(run)


def change_tag(client: MlflowClient, experiment: str, run: str) -> None:
    client.set_tag(run, "seed", "1")


def add_point(client: MlflowClient, experiment: str, run: str) -> None:
    client.log_metric(run, "loss/regression", 0.5, timestamp=1, step=0)


def kill(client: MlflowClient, experiment: str, run: str) -> None:
    client.update_run(run, "KILLED")


def in_database(client: MlflowClient, statement: str, run: str) -> None:
    """What MLflow itself refuses to do, done to its database."""
    with closing(sqlite3.connect(client.tracking_uri.removeprefix("sqlite:///"))) as database:
        assert database.execute(statement, [run]).rowcount == 1
        database.commit()


def change_parameter(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update params set value = '0.5' where key = 'phases.0.learning_rate'"
    in_database(client, f"{statement} and run_uuid = ?", run)


def change_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update metrics set value = value * 1.0000001 where key = 'loss/regression'"
    in_database(client, f"{statement} and step = 40 and run_uuid = ?", run)


def change_summary(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update latest_metrics set value = value * 1.0000001 where key = 'final.{}'"
    in_database(client, f"{statement.format('loss/regression')} and run_uuid = ?", run)


def change_last_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update latest_metrics set value = value * 1.0000001 where key = 'loss/regression'"
    in_database(client, f"{statement} and run_uuid = ?", run)


def shift_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "update metrics set step = 19 where key = 'full/loss/residual'"
    in_database(client, f"{statement} and step = 20 and run_uuid = ?", run)


def remove_point(client: MlflowClient, experiment: str, run: str) -> None:
    statement = "delete from metrics where key = 'loss/regression' and step = 40"
    in_database(client, f"{statement} and run_uuid = ?", run)


@pytest.mark.parametrize(
    "spoil",
    [
        None,
        remove_point,
        add_running,
        add_twin,
        delete,
        change_tag,
        change_parameter,
        add_point,
        change_point,
        change_summary,
        change_last_point,
        shift_point,
        kill,
    ],
)
def test_mlflow_must_say_what_the_store_says(
    good: Path, uri: str, spoil: Callable[[MlflowClient, str, str], None] | None
) -> None:
    sample = Sample(good)
    client = open_client(uri)
    experiment = client.get_experiment_by_name(sample.study.name).experiment_id
    condition = f"tags.run_id = '{sample.first.run_id}'"
    (run,) = search_runs(client, experiment, condition)
    if spoil:
        spoil(client, experiment, run.info.run_id)
    found = {name for name, _ in sample.found(tracking_uri=uri)}
    assert found == ({"mlflow"} if spoil else set())
    for each in search_runs(client, experiment):
        client.delete_run(each.info.run_id)
    sync(sample.study, sample.store, uri)


def test_no_mlflow_at_all_is_found_and_not_created(sample: Sample, tmp_path: Path) -> None:
    address = default_tracking_uri(tmp_path / "elsewhere")
    assert sample.found(tracking_uri=address) == {("mlflow", None)}
    assert not (tmp_path / "elsewhere").exists()
