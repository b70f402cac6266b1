"""Studies from file to report in this process: what runs, what resumes, what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from io import StringIO
from itertools import islice
from pathlib import Path
from shutil import copytree

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from rich.console import Console

from analysis.load import StudyData
from pinn_core.engine.backends.build import temporary_folder
from sweeps.display import reporting
from sweeps.errors import StudyError
from sweeps.execution import launch as launch_module
from sweeps.execution.executors import Inline
from sweeps.execution.launch import run_study
from sweeps.execution.stage import Stage
from sweeps.search.planned import planned_ids
from sweeps.store import faults
from sweeps.store.checkpoints import StoredCheckpoint, begun
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed, sealed
from sweeps.store.lock import study_lock
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.plan import model_points, rerun_runs, search_run
from sweeps.study.study import Study, load_study
from tests.sweeps.samples import pinn_run, sample_study

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2", "resources.retries=1")
TPE = ("search.sampler=tpe", "search.generation=2", "search.runs=6")
RATES = "models.pinn.space.phases.0.learning_rate=[1e-3, 2e-3, 4e-3, 1e-2]"


def sample(folder: Path, *overrides: str) -> Study:
    return sample_study(folder, *SMALL, *overrides)


def launch(study: Study, folder: Path, screen: StringIO | None = None) -> tuple[int, str]:
    """Exit code and everything that was said. All share one MLflow, which is slow to make."""
    screen = screen or StringIO()
    code = run_study(
        study,
        runs_dir=folder / "runs",
        tracking_uri=f"sqlite:///{folder.parent}/mlflow.db",
        executor="inline",
        console=Console(file=screen, width=200),
    )
    return code, screen.getvalue()


def store_of(study: Study, folder: Path) -> Store:
    return Store(StudyFolder.of(folder / "runs", study.name).store)


def digests(study: Study, folder: Path) -> dict[str, str]:
    return {one.run_id: one.digest for one in store_of(study, folder).manifests()}


def planned(study: Study, folder: Path) -> set[str]:
    files = StudyFolder.of(folder / "runs", study.name)
    store = Store(files.store)
    return planned_ids(study, store, Results(store, study.metric, files.passed_over))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sample study ran undisturbed."""
    folder = tmp_path_factory.mktemp("done")
    assert launch(sample(folder), folder)[0] == 0
    return folder


@pytest.fixture(autouse=True)
def no_fault_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "reached", Counter())


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have tests of their own and take seconds."""
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)


def test_a_study_runs_from_its_file_to_its_report(done: Path) -> None:
    study = sample(done)
    files = StudyFolder.of(done / "runs", study.name)
    stages = [(one.stage, one.model) for one in store_of(study, done).manifests()]
    assert stages.count(("search", "pinn")) == 4
    assert stages.count(("search", "regression")) == 2
    assert stages.count(("rerun", "pinn")) == stages.count(("rerun", "regression")) == 2
    assert set(digests(study, done)) == planned(study, done)
    assert (files.report / "index.html").is_file()
    assert load_study(str(files.study_file)) == study


def test_every_search_run_is_an_optuna_trial(done: Path) -> None:
    file = StudyFolder.of(done / "runs", "sample").optuna_log
    storage = JournalStorage(JournalFileBackend(str(file)))
    trials = optuna.load_study(study_name="sample pinn", storage=storage).trials
    assert len({trial.user_attrs["run_id"] for trial in trials}) == 4
    assert all(trial.value is not None for trial in trials)
    assert {trial.params["objective.lambda_b"] for trial in trials} == {10.0, 100.0}


def test_the_same_command_again_trains_nothing_and_changes_nothing(done: Path) -> None:
    study = sample(done)
    page = StudyFolder.of(done / "runs", study.name).report / "index.html"
    before = store_of(study, done).manifests(), page.stat().st_mtime_ns
    code, said = launch(study, done)
    assert code == 0
    assert "search pinn" not in said
    assert (store_of(study, done).manifests(), page.stat().st_mtime_ns) == before


KILL = """
import sys
from pathlib import Path
from tests.sweeps.test_launch import launch, sample
launch(sample(Path(sys.argv[1])), Path(sys.argv[1]))
"""


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("site", ["before_write@6", "after_write@9", "after_rename@2"])
def test_a_killed_driver_is_resumed_to_the_same_bits(
    site: str, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", f"{site}:kill9")
    killed = subprocess.run([sys.executable, "-c", KILL, str(tmp_path)], check=False)
    monkeypatch.delenv("SWEEP_FAULT")
    assert killed.returncode == -9
    study = sample(tmp_path)
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


def small_report(
    study: Study, data: StudyData, directory: Path, missing: object, *, animated: bool
) -> Path:
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


@pytest.mark.usefixtures("no_report")
def test_an_interrupt_keeps_what_is_committed(done: Path, tmp_path: Path) -> None:
    study = sample(tmp_path)
    assert launch(study, tmp_path, CtrlC())[0] == 130
    assert store_of(study, tmp_path).committed()
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
def test_damaged_files_are_set_aside_and_done_again(done: Path, tmp_path: Path) -> None:
    study = sample(tmp_path)
    assert launch(study, tmp_path)[0] == 0
    file = Path(store_of(study, tmp_path).where(pinn_run(study).run_id))
    file.write_bytes(file.read_bytes()[:-100])
    code, said = launch(study, tmp_path)
    assert code == 0
    assert f"set aside, will be done again: {file}" in said
    assert digests(study, tmp_path) == digests(study, done)


@pytest.mark.usefixtures("no_report")
def test_a_run_damaged_while_the_driver_works_is_named_and_done_again(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "after_rename@4:flip")  # the first manifest
    study = sample(tmp_path)
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "run the same command again" in said
    monkeypatch.delenv("SWEEP_FAULT")
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
@pytest.mark.parametrize("damage", ["edited", "emptied", "binary", "removed"])
def test_a_damaged_study_file_is_set_aside_and_written_again(
    damage: str, done: Path, tmp_path: Path
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    file = tmp_path / "runs" / "sample" / "study.yaml"
    whole = file.read_bytes()
    edited = whole.replace(b"steps: 6", b"steps: 7")
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes({"edited": edited, "emptied": b"", "binary": bytes(range(256))}[damage])
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    assert file.read_bytes() == whole
    assert (f"set aside, will be done again: {file}" in said) == (damage != "removed")
    assert digests(sample(tmp_path), tmp_path) == digests(sample(tmp_path), done)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("content", [b"", b'{"op_code": 0, "work', bytes(range(256))])
def test_a_damaged_optuna_log_is_written_again(content: bytes, done: Path, tmp_path: Path) -> None:
    copytree(done / "runs", tmp_path / "runs")
    file = StudyFolder.of(tmp_path / "runs", "sample").optuna_log
    file.write_bytes(content)
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    storage = JournalStorage(JournalFileBackend(str(file)))
    assert len(optuna.load_study(study_name="sample pinn", storage=storage).trials) == 4


@pytest.mark.parametrize("damage", [None, "damaged"])
@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("search.seed=1", 6),  # reruns are judged when the search has chosen
        ("base.network.width=5", 6),
        ("rerun.seeds=1", 2),
        ("models.pinn.space.objective.lambda_b=[10.0]", 4),  # with the best
    ],
)
def test_without_a_sound_study_file_the_store_says_what_was_planned(
    damage: str | None, change: str, lost: int, done: Path, tmp_path: Path
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    file = tmp_path / "runs" / "sample" / "study.yaml"
    file.write_text(damage) if damage else file.unlink()
    with pytest.raises(StudyError, match=rf"\b{lost} runs in .* are not planned by the study"):
        launch(sample(tmp_path, change), tmp_path)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("content", [b"[", b'{"a": 1}', b'["../../x"]', b"\xff"])
def test_a_damaged_list_of_runs_passed_over_is_set_aside(
    content: bytes, done: Path, tmp_path: Path
) -> None:
    copytree(done / "runs", tmp_path / "runs")
    files = StudyFolder.of(tmp_path / "runs", "sample")
    passed_over = Path(str(files.passed_over))
    passed_over.write_bytes(content)
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    assert f"{files.passed_over}: damaged" in said
    assert passed_over.with_name("passed-over.json.set-aside").read_bytes() == content


@pytest.mark.usefixtures("no_report")
def test_checkpoints_that_no_pack_took_are_removed_at_the_end(done: Path, tmp_path: Path) -> None:
    copytree(done / "runs", tmp_path / "runs")
    study = sample(tmp_path)
    StoredCheckpoint(store_of(study, tmp_path).root, ["0" * 16]).put(b"of a pack cut in two")
    assert launch(study, tmp_path)[0] == 0
    assert begun(store_of(study, tmp_path).root) == []


@pytest.mark.usefixtures("no_report")
def test_a_model_that_varies_nothing_goes_straight_to_its_seeds(tmp_path: Path) -> None:
    study = sample(tmp_path, "models.regression.space={}", "search.seed=3")
    assert launch(study, tmp_path)[0] == 0
    runs = [one for one in store_of(study, tmp_path).manifests() if one.model == "regression"]
    assert {(one.stage, one.seed) for one in runs} == {("rerun", 4), ("rerun", 5)}


@pytest.mark.usefixtures("no_report")
def test_a_model_of_which_every_run_diverges_is_reported(tmp_path: Path) -> None:
    study = sample(tmp_path, "models.pinn.space={phases.0.learning_rate: [1e30, 1e35]}")
    code, said = launch(study, tmp_path)
    assert code == 1
    assert "pinn: none of its search runs has a final value" in said
    assert "diverged" in said


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        ("no_such_module:train", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("pinn_core.training.trainer:fly", "AttributeError: .* 'fly'"),
        ("tests", "AttributeError: "),
    ],
)
def test_a_trainer_that_is_none_is_refused_before_anything_is_created(
    trainer: str, reason: str, tmp_path: Path
) -> None:
    study = sample(tmp_path)
    with pytest.raises(StudyError, match=f"^trainer '{trainer}': {reason}"):
        run_study(study, runs_dir=tmp_path / "runs", executor="inline", trainer=trainer)
    assert not (tmp_path / "runs" / "sample").exists()


def test_a_second_driver_is_refused(done: Path) -> None:
    with (
        study_lock(StudyFolder.of(done / "runs", "sample").path),
        pytest.raises(StudyError, match="locked by"),
    ):
        launch(sample(done), done)


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("base.network.width=5", "base.network.width: was 4, is 5"),
        ("search.seed=1", "search.seed: was 0, is 1"),
        ("models.pinn.space.objective.lambda_b=[10.0]", "[10.0, 100.0], is [10.0]"),
        ("rerun.seeds=1", "rerun.seeds: was 2, is 1"),
        ("base.phases.0.steps=7", "base.phases.0.steps: was 6, is 7"),
    ],
)
def test_a_study_whose_runs_would_change_is_refused(override: str, shown: str, done: Path) -> None:
    before = digests(sample(done), done)
    with pytest.raises(StudyError) as caught:
        launch(sample(done, override), done)
    assert shown in str(caught.value)
    assert "name=sample-2" in str(caught.value)
    assert digests(sample(done), done) == before


@pytest.mark.usefixtures("no_report")
def test_added_values_seeds_and_models_just_add_runs(tmp_path: Path) -> None:
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    before = digests(sample(tmp_path), tmp_path)
    more = sample(
        tmp_path,
        "models.regression.space.phases.0.learning_rate=[1e-3, 1e-2, 1e-5]",
        "rerun.seeds=3",
        "analysis.plateau.drop=0.2",
        "resources.pack=1",
    )
    assert launch(more, tmp_path)[0] == 0
    after = digests(more, tmp_path)
    assert before.items() <= after.items()
    assert set(after) == planned(more, tmp_path)
    assert len(after) == len(before) + 3


def plan(folder: Path) -> StudyFolder:
    """Leave the sample study as it lies before its first run is finished."""
    files = StudyFolder.of(folder / "runs", "sample")
    files.path.mkdir(parents=True)
    files.study_file.write_text(sealed(sample(folder)))
    return files


@pytest.mark.usefixtures("no_report")
def test_anything_may_change_while_no_run_is_finished_and_it_is_said(tmp_path: Path) -> None:
    plan(tmp_path)
    changed = sample(tmp_path, "base.network.width=5")
    code, said = launch(changed, tmp_path)
    assert code == 0
    assert "plan before, of which no run had finished, is replaced: base.network.width" in said
    assert "is replaced" not in launch(changed, tmp_path)[1]


@pytest.mark.usefixtures("no_report")
def test_a_study_says_where_compiled_code_is_if_not_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_BACKEND", "eager")  # which compiles nothing
    monkeypatch.setenv("PINN_CACHE", "/proc/pinn")
    code, said = launch(sample(tmp_path), tmp_path)
    assert code == 0
    (line,) = [line for line in said.splitlines() if "compiled code" in line]
    assert f"compiled code is kept in {temporary_folder()}: " in line
    assert "/proc/pinn" in line


def test_nothing_may_change_that_a_checkpoint_would_be_lost_by(tmp_path: Path) -> None:
    files = plan(tmp_path)
    StoredCheckpoint(files.store, [pinn_run(sample(tmp_path)).run_id]).put(b"half of the steps")
    with pytest.raises(StudyError, match=r"base\.network\.width: was 4, is 5"):
        launch(sample(tmp_path, "base.network.width=5"), tmp_path)
    assert load_sealed(files.study_file) == sample(tmp_path)
    assert begun(files.store) != []


@pytest.mark.usefixtures("no_report")
def test_packs_do_not_change_a_bit(done: Path, tmp_path: Path) -> None:
    study = sample(tmp_path, "resources.pack=1")
    assert launch(study, tmp_path)[0] == 0
    assert digests(study, tmp_path) == digests(study, done)


def test_reruns_have_seeds_of_their_own(done: Path) -> None:
    study = sample(done)
    chosen = search_run(study, "pinn", {"phases.0.learning_rate": 1e-3})
    assert [run.seed for run in rerun_runs(study, "pinn", [chosen])] == [1, 2]
