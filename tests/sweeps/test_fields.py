"""Fields in the store: of whom, verified, done again, sent to MLflow and said before."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from rich.console import Console

from analysis.load import from_store
from pinn_core.prediction import Solution
from pinn_core.records.fields import Fields
from pinn_core.training.trainer import Member, environment, train
from sweeps.checking.verify import verify
from sweeps.errors import StudyError
from sweeps.execution.launch import run_study
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from sweeps.study.plan import FIELD_STEPS, rerun_runs, with_fields
from sweeps.study.study import Study, configuration_of, load_study
from tests.sweeps.launching import all_figures, few_figures
from tests.sweeps.samples import commit, pinn_run, sample_study

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2")


def launched(study: Study, folder: Path) -> tuple[Store, str]:
    screen = StringIO()
    code = run_study(
        study,
        runs_dir=folder / "runs",
        executor="inline",
        console=Console(file=screen, width=240),
    )
    assert code == 0
    return Store(StudyFolder.of(folder / "runs", study.name).store), screen.getvalue()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("done")
    with all_figures():
        _, said = launched(sample_study(folder, *SMALL, "rerun.top=2"), folder)
    return folder, said


@pytest.fixture
def store(done: tuple[Path, str], tmp_path: Path) -> Store:
    copytree(done[0] / "runs", tmp_path / "runs")
    return Store(StudyFolder.of(tmp_path / "runs", "sample").store)


def with_their_fields(store: Store) -> dict[str, Fields]:
    found = {one.run_id: store.fields(one.run_id) for one in store.manifests()}
    return {run_id: fields for run_id, fields in found.items() if fields}


def findings(store: Store, folder: Path) -> list[tuple[str, str | None, str]]:
    found = verify(sample_study(folder, *SMALL), store, store.committed()).findings
    return [(one.name, one.run_id, one.message) for one in found]


def test_the_first_rerun_of_each_models_best_leaves_fields(store: Store) -> None:
    left = with_their_fields(store)
    manifests = {run_id: store.manifest(run_id) for run_id in left}
    described = {(one.model, one.stage, one.seed) for one in manifests.values()}
    assert described == {("pinn", "rerun", 1), ("regression", "rerun", 1)}
    for run_id, fields in left.items():
        manifest = manifests[run_id]
        assert manifest.fields["steps"] == fields.steps.tolist() == [*range(7)]
        configuration = configuration_of(manifest.configuration)
        solution = Solution(configuration, store.parameters(run_id)[6])
        for found, what in ((fields.prediction, "value"), (fields.residual, "residual")):
            expected = solution.predict(fields.points, what)
            assert np.abs(found[-1] - expected).max() <= 1e-6 * np.abs(expected).max()
    best = {
        model: min(
            (
                store.read(one.run_id).table["loss/regression"][-1].as_py(),
                one.varied,
            )
            for one in store.manifests()
            if (one.model, one.stage) == (model, "search")
        )[1]
        for model in ("pinn", "regression")
    }
    assert {one.model: one.varied for one in manifests.values()} == best


def test_their_size_is_said_before(done: tuple[Path, str]) -> None:
    folder, said = done
    files = (folder / "runs" / "sample" / "store").glob("*.fields.safetensors")
    size = sum(file.stat().st_size for file in files) / 1024
    (announced,) = re.findall(r"([0-9.]+) kB fields", said)
    assert float(announced) == pytest.approx(size, rel=0.1)


def test_asking_for_fields_changes_no_run_and_no_number(store: Store, tmp_path: Path) -> None:
    without = sample_study(tmp_path, *SMALL, "rerun.top=2", "base.record.fields=none")
    with few_figures(solutions=1):
        bare, said = launched(without, tmp_path / "bare")
    assert "0.0 kB fields" in said
    assert with_their_fields(bare) == {}
    assert not list(Path(bare.root).glob("*.fields.*"))
    digests = [{one.run_id: one.digest for one in each.manifests()} for each in (store, bare)]
    assert digests[0] == digests[1]
    assert findings(bare, tmp_path) == []
    page = (tmp_path / "bare" / "runs" / "sample" / "report" / "index.html").read_text()
    assert "No pictures: record.fields is none" in page


def test_a_number_is_for_every_run(tmp_path: Path) -> None:
    study = sample_study(tmp_path, *SMALL, "base.record.fields=3")
    first, *others = rerun_runs(study, "pinn", [pinn_run(study)])
    assert {run.configuration.record.fields for run in (first, *others)} == {3}


def test_who_leaves_fields_trains_with_the_others(tmp_path: Path) -> None:
    study = sample_study(tmp_path, *SMALL)
    runs = rerun_runs(study, "pinn", [pinn_run(study)])
    assert [run.configuration.record.fields for run in runs] == [FIELD_STEPS, "auto"]
    assert len({run.configuration.shape_key() for run in runs}) == 1


@pytest.mark.parametrize("damage", ["cut", "one bit", "missing"])
def test_a_damaged_or_missing_file_is_named_and_the_run_done_again(
    damage: str, store: Store, tmp_path: Path
) -> None:
    run_id, before = next(iter(with_their_fields(store).items()))
    file = Path(store.where(run_id, "fields.safetensors"))
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[:-4])
    else:
        content[-1] ^= 1
        file.write_bytes(content)
    ((name, where, message),) = findings(store, tmp_path)
    assert (name, where) == ("damaged", run_id)
    assert message.startswith(str(file))
    _, said = launched(sample_study(tmp_path, *SMALL, "rerun.top=2"), tmp_path)
    assert f"set aside, will be done again: {file}" in said
    assert findings(store, tmp_path) == []
    again = store.fields(run_id)
    assert again is not None
    assert np.array_equal(again.prediction, before.prediction)


def test_fields_of_another_run_or_none_are_found(tmp_path: Path) -> None:
    study = sample_study(tmp_path, *SMALL)
    store = Store(str(tmp_path / "store"))
    runs = [
        replace(run, configuration=with_fields(run.configuration))
        for run in (pinn_run(study, learning_rate=rate) for rate in (1e-3, 1e-2))
    ]
    first, second = train([Member(run.configuration, run.seed) for run in runs])
    commit(store, runs[0], replace(first, fields=second.fields), environment=environment())
    commit(store, runs[1], replace(second, fields=None), environment=environment())
    found = {run_id: (name, message) for name, run_id, message in findings(store, tmp_path)}
    assert found == {
        runs[0].run_id: ("fields", "prediction: not that of its configuration and parameters"),
        runs[1].run_id: ("fields", "fields of the steps none, due: 0, 1, ..., 6"),
    }


def test_mlflow_gets_the_fields_of_reruns(done: tuple[Path, str]) -> None:
    artifacts = done[0] / "runs" / "artifacts" / "sample"
    names = {file.name for file in artifacts.glob("*/artifacts/trajectory/*.fields.safetensors")}
    store = Store(StudyFolder.of(done[0] / "runs", "sample").store)
    assert names == {f"{run_id}.fields.safetensors" for run_id in with_their_fields(store)}


def test_the_report_has_a_picture_and_a_strip_of_each_model(done: tuple[Path, str]) -> None:
    report = done[0] / "runs" / "sample" / "report"
    names = {file.name for file in (report / "figures").glob("*.png")}
    assert {
        f"{kind}-{model}.png"
        for kind in ("solution", "learning")
        for model in ("pinn", "regression")
    } <= names
    page = (report / "index.html").read_text()
    assert "The first rerun of each model&#39;s best configuration." in page


def test_analysis_reads_the_same_fields(store: Store) -> None:
    data = from_store(store.root, "sample")
    for run_id in store.committed():
        there, here = data.fields(run_id), store.fields(run_id)
        assert (there is None) == (here is None)
        if there and here:
            assert np.array_equal(there.residual, here.residual)


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("all", "found 'all', allowed: a whole number or 'auto' or 'none'"),
        ("1", "fields must be >= 2, found 1"),
    ],
)
def test_a_wrong_request_is_refused(value: str, allowed: str) -> None:
    with pytest.raises(StudyError) as refused:
        load_study("demo", [f"base.record.fields={value}"])
    assert allowed in str(refused.value)
    assert "record.fields" in str(refused.value)
