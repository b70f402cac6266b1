"""Every way to spoil a good study's runs must be found, even where the checksums agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pinn_core.records.trajectory import Trajectory
from pinn_core.training.trainer import Member, environment, train
from sweeps.checking.verify import verify
from sweeps.store.store import Store
from tests.sweeps.samples import commit, sample_study, with_value
from tests.sweeps.spoiling import Sample, good, packs, sample

__all__ = ["good", "sample"]


def test_a_good_study_passes(sample: Sample) -> None:
    assert sample.found() == set()


def test_a_run_that_diverged_passes(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "models.pinn.space.phases.0.learning_rate=[1.0e+20]")
    run = packs(study)[0][0]
    store = Store(str(tmp_path / "store"))
    (trajectory,) = train([Member(run.configuration, run.seed)])
    assert commit(store, run, trajectory, environment=environment("cpu")).diverged_at == 1
    assert verify(study, store, {run.run_id}).findings == []


@pytest.mark.parametrize(
    "override",
    [
        "base.problem={kind: conductivity_inverse, points_x: 8, points_t: 6}",
        "base={problem: {kind: convection, points_x: 8, points_t: 6}, "
        "network: {kind: piratenet, width: 6, blocks: 1, init: initial_condition}, "
        "phases: [{kind: adam, steps: 4}], record: {points: 16, gradient_points: 8}}",
        "models.pinn.base={phases: [{kind: m_config, steps: 7}]}",
        "models.pinn.base={weighting: {kind: delayed_residual, delay: 2, ramp: 3}}",
    ],
    ids=["unknowns", "from the initial values", "in turn", "delayed"],
)
def test_a_run_of_many_kinds_passes(tmp_path: Path, override: str) -> None:
    study = sample_study(tmp_path, override)
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
