"""Manifests, plans and study files that were altered are found."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pinn_core.records.trajectory import Manifest
from pinn_core.training.trainer import environment
from sweeps.errors import StudyError
from sweeps.store.kept_study import load_sealed, sealed
from sweeps.study.plan import search_run
from tests.sweeps.samples import commit, sample_study
from tests.sweeps.spoiling import Sample, good, packs, sample

__all__ = ["good", "sample"]


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
