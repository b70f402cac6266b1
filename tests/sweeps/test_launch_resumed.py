"""Studies that fail, are killed, interrupted or out of room: what is said, and what resumes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from io import StringIO
from itertools import islice
from pathlib import Path
from shutil import copytree

import pytest

from analysis.load import StudyData
from sweeps.display import reporting
from sweeps.execution.executors import Inline
from sweeps.execution.stage import Stage
from sweeps.store.checkpoints import StoredCheckpoint, begun
from sweeps.study.plan import model_points, search_run
from sweeps.study.study import Study
from sweeps.tracking.mlflow_client import open_client, search_runs
from sweeps.tracking.publishing import Experiment
from tests.sweeps.forked import Drivers
from tests.sweeps.launching import digests, launch, planned, sample, store_of
from tests.sweeps.samples import pinn_run

TPE = ("search.sampler=tpe", "search.generation=2", "search.runs=6")
RATES = "models.pinn.space.phases.0.learning_rate=[1e-3, 2e-3, 4e-3, 1e-2]"


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("site", ["before_write@6", "after_write@9", "after_rename@2"])
def test_a_killed_driver_is_resumed_to_the_same_bits(
    site: str, done: Path, tmp_path: Path, drivers: Drivers
) -> None:
    study = sample(tmp_path)
    (tmp_path / "sample.yaml").write_text(study.to_yaml())
    assert drivers.run(tmp_path, f"{site}:kill9")[0] == -9
    before = store_of(study, tmp_path).manifests()
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)
    after = {one.run_id: one for one in store_of(study, tmp_path).manifests()}
    assert all(after[one.run_id] == one for one in before)


@pytest.mark.usefixtures("no_report")
def test_a_pack_that_fails_once_is_tried_again(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "after_write@4:raise")
    study = sample(tmp_path)
    code, said = launch(study, tmp_path)
    assert code == 0
    assert "lost, retry 1: Fault" in said
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
def test_a_run_that_no_memory_holds_is_told_once_and_not_tried_again(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = sample(tmp_path)
    guilty = pinn_run(study).run_id
    monkeypatch.setenv("SWEEP_FAULT", f"in_run:{guilty}@every:enomem")
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "retry" not in said
    assert (
        len(re.findall(rf"failed .*: run {guilty} alone does not fit into the memory", said)) == 1
    )
    assert set(digests(study, done)) - set(digests(study, tmp_path)) == {guilty}
    monkeypatch.delenv("SWEEP_FAULT")
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
def test_a_run_that_always_fails_is_listed_and_the_rest_completes(tmp_path: Path) -> None:
    study = sample(tmp_path)
    guilty = pinn_run(study).run_id
    obstacle = Path(store_of(study, tmp_path).where(guilty))
    obstacle.mkdir(parents=True)
    code, said = launch(study, tmp_path)
    assert code == 1
    assert f"{guilty}: IsADirectoryError" in said.splitlines()[-1]
    assert planned(study, tmp_path) - set(digests(study, tmp_path)) == {guilty}
    obstacle.rmdir()
    assert launch(study, tmp_path)[0] == 0
    assert planned(study, tmp_path) <= set(digests(study, tmp_path))


@pytest.mark.usefixtures("no_report")
def test_failures_count_though_nothing_is_asked_for_after_the_last_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = sample(tmp_path)
    guilty = pinn_run(study).run_id
    Path(store_of(study, tmp_path).where(guilty)).mkdir(parents=True)
    carry_out = Inline.carry_out

    def only_two(crew: Inline, stages: Iterable[Stage], *rest: Callable[..., None]) -> None:
        carry_out(crew, islice(stages, 2), *rest)

    monkeypatch.setattr(Inline, "carry_out", only_two)
    code, said = launch(study, tmp_path)
    assert code == 1
    assert f"{guilty}: IsADirectoryError" in said


@pytest.mark.usefixtures("no_report")
def test_failed_runs_are_counted_and_not_the_reasons(tmp_path: Path) -> None:
    study = sample(tmp_path, "models.pinn.space={phases.0.learning_rate: [1e-3, 1e-2]}")
    searched = [search_run(study, "pinn", point) for point in model_points(study, "pinn")]
    for run in searched:
        Path(store_of(study, tmp_path).where(run.run_id)).mkdir(parents=True)
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "\n2 runs failed; " in said
    assert "pinn: none of its search runs has a final value" in said


@pytest.mark.usefixtures("no_report")
def test_a_learning_search_goes_on_without_a_failed_run_for_good(tmp_path: Path) -> None:
    study = sample(tmp_path, *TPE, RATES)
    first = planned(study, tmp_path)
    guilty = next(
        run.run_id
        for rate in (1e-3, 2e-3, 4e-3, 1e-2)
        for weight in (10.0, 100.0)
        if (run := pinn_run(study, rate, weight)).run_id in first
    )
    obstacle = Path(store_of(study, tmp_path).where(guilty))
    obstacle.mkdir(parents=True)
    assert launch(study, tmp_path)[0] == 1
    before = digests(study, tmp_path)
    obstacle.rmdir()
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "failed before, and the search went on without it" in said
    assert digests(study, tmp_path) == before


@pytest.mark.usefixtures("no_report")
def test_a_full_disk_stops_the_study_and_names_the_file(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "before_write@7:enospc")
    study = sample(tmp_path)
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "disk full" in said
    assert str(tmp_path) in said
    monkeypatch.delenv("SWEEP_FAULT")
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


def small_report(study: Study, data: StudyData, directory: Path, *_: object, **__: object) -> Path:
    """As many kinds of files as the report has; drawing them all takes seconds."""
    (directory / "figures").mkdir(parents=True)
    for name in ("claims.json", "figures/1.png", "index.html"):
        (directory / name).write_text(f"{len(data.runs)} runs")
    return directory / "index.html"


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (1, "study.yaml"),
        (2, "optuna.log"),
        (3, "report/claims.json"),
        (4, "report/figures/1.png"),
        (5, "report/index.html"),
        (6, "report/made-from.txt"),
    ],
)
def test_whatever_file_finds_the_disk_full_is_named_and_written_next_time(
    write: int, name: str, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    folder = tmp_path / "runs" / "sample"
    (folder / "report" / "made-from.txt").unlink()
    monkeypatch.setattr(reporting, "_make_report", small_report)
    monkeypatch.setenv("SWEEP_FAULT", f"before_write@{write}:enospc")
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 1
    assert re.search(rf"disk full: no room for the \d+ bytes of {folder}/{name};", said)
    assert "run the same command again" in said
    monkeypatch.delenv("SWEEP_FAULT")
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    assert (folder / "report" / "index.html").read_text() == "10 runs"
    assert (folder / "report" / "made-from.txt").is_file()
    assert not list(folder.rglob("*.part"))


class CtrlC(StringIO):
    """A screen on which Ctrl-C is pressed, once, when the second run is announced."""

    pressed = False

    def write(self, text: str) -> int:
        if "search pinn 2/4" in text and not self.pressed:
            self.pressed = True
            raise KeyboardInterrupt
        return super().write(text)


def test_a_report_that_no_driver_lived_to_publish_is_published_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = sample(tmp_path, "name=unreported")  # all share one MLflow
    with monkeypatch.context() as patch:
        patch.setattr(Experiment, "log_report", lambda *_, **__: None)
        assert launch(study, tmp_path)[0] == 0
    client = open_client(f"sqlite:///{tmp_path.parent}/mlflow.db")

    def reports() -> list[str]:
        experiment = client.get_experiment_by_name(study.name)
        assert experiment is not None
        runs = search_runs(client, experiment.experiment_id, "tags.role = 'report'")
        return [run.info.run_id for run in runs]

    assert reports() == []
    _, said = launch(study, tmp_path)
    assert "writing the report" not in said
    (report,) = reports()
    assert client.list_artifacts(report, "report/index.html") == []  # a file, not a folder
    assert "report/index.html" in [file.path for file in client.list_artifacts(report, "report")]
    with monkeypatch.context() as patch:
        patch.setattr(type(client), "log_artifacts", None)  # it is there: nothing is written
        assert launch(study, tmp_path)[0] == 0
    assert reports() == [report]


@pytest.mark.usefixtures("no_report")
def test_an_interrupt_keeps_what_is_committed(done: Path, tmp_path: Path) -> None:
    study = sample(tmp_path)
    assert launch(study, tmp_path, CtrlC())[0] == 130
    assert store_of(study, tmp_path).committed()
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
def test_what_writers_were_killed_over_is_removed(done: Path, tmp_path: Path) -> None:
    copytree(done / "runs", tmp_path / "runs")
    folder = tmp_path / "runs" / "sample"
    left = [
        folder / f".study.yaml.{'0' * 32}.part",
        folder / "store" / f".0123456789abcdef.json.{'0' * 32}.part",
    ]
    mine = folder / "store" / "notes.part"
    for file in (*left, mine):
        file.write_text("{")
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    assert [file.exists() for file in (*left, mine)] == [False, False, True]


@pytest.mark.usefixtures("no_report")
def test_checkpoints_that_no_pack_took_are_removed_at_the_end(done: Path, tmp_path: Path) -> None:
    copytree(done / "runs", tmp_path / "runs")
    study = sample(tmp_path)
    StoredCheckpoint(store_of(study, tmp_path).root, ["0" * 16]).put(b"of a pack cut in two")
    assert launch(study, tmp_path)[0] == 0
    assert begun(store_of(study, tmp_path).root) == []
