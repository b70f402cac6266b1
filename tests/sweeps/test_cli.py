"""The command line: what bad input gets, and what the verbs say of a study."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sweeps.display import reporting
from sweeps.display.catalogue import known
from sweeps.execution import launch as launch_module
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import Run
from sweeps.study.study import load_study
from tests.sweeps.command import pinn_sweep
from tests.sweeps.launching import sample
from tests.sweeps.samples import STUDY, VERIFIED, pinn_run


def refused(folder: Path, text: str, *overrides: str) -> str:
    """The message for a study that cannot be run; nothing may have been created."""
    (folder / "study.yaml").write_text(text)
    code, said, message = pinn_sweep("run", "study.yaml", *overrides)
    assert (code, said) == (2, "")
    assert [entry.name for entry in folder.iterdir()] == ["study.yaml"]
    assert message.startswith("pinn-sweep: ")
    assert "Traceback" not in message
    return message


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("width: 4", "widht: 4", 5, ["base.network", "unknown key 'widht'", "'width'"]),
        ("depth: 1", "depth: 1, depth: 2", 5, ["duplicate key 'depth'"]),
        ("width: 4", "width: [4", 5, []),
        ("steps: 40", "steps: 40, learning_rate: -1", 6, ["learning_rate", "> 0", "-1"]),
        ("depth: 1", "depth: 1, activation: gelo", 5, ["activation", "'gelo'", "'gelu'", "tanh"]),
        ("kind: heat", "kind: heet", 4, ["base.problem", "'heet'", "'heat'"]),
        ("space: {phases.0.learning_rate: [1.0e-3, 1.0e-2]}", "space: {network.width: []}", 14,
         ["models.regression.space.network.width", "empty list", "at least one"]),
        ("steps: 40", "steps: 40, learning_rate: '1e-3'", 6, ["learning_rate", "'1e-3'", "number"]),
        ("name: sample", "name: ../../etc/x", 2, ["name", "'../../etc/x'", "letters, digits"]),
        ("name: sample", 'name: "a\\nb"', 2, ["name", "letters, digits"]),
        ("  pinn:", "  ../pinn:", 9, ["models", "'../pinn'", "letters, digits"]),
        ("name: sample", "name: !!python/object/apply:os.system [true]", 2, []),
        ("name: sample", "name: ${HOME}", 2, ["${"]),
    ],
)  # fmt: skip
def test_a_bad_study_file(old: str, new: str, line: int, words: list[str], folder: Path) -> None:
    message = refused(folder, STUDY.replace(old, new))
    assert f"study.yaml, line {line}" in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("base.network.widht=4", ["override", "'widht'", "did you mean 'width'"]),
        ("search.runs", ["override 'search.runs'", "key=value"]),
        ("search.sampler=tpee", ["search.sampler", "'tpee'", "'tpe'"]),
        ("resources.cpus=4096", ["4096 CPUs", "this machine", "resources.cpus"]),
        ("resources.gpus=1", ["1 GPUs", "this machine", "0 GPUs"]),
    ],
)
def test_a_bad_override(override: str, words: list[str], folder: Path) -> None:
    message = refused(folder, STUDY, override)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:9", ["http://127.0.0.1:9"]),
        ("htp://127.0.0.1", ["'htp'", "http"]),
        ("sqlite:///study.yaml/mlflow.db", ["study.yaml is not a folder"]),
    ],
)
def test_an_unreachable_tracking_address(address: str, words: list[str], folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY)
    code, _, message = pinn_sweep("run", "study.yaml", "--tracking-uri", address)
    assert code == 2
    assert all(word in message for word in words), message
    assert [entry.name for entry in folder.iterdir()] == ["study.yaml"]


def test_an_unreachable_cluster(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY)
    code, _, message = pinn_sweep("run", "study.yaml", "--address", "127.0.0.1:9")
    assert code == 2
    assert "no Ray cluster at '127.0.0.1:9'" in message
    assert [entry.name for entry in folder.iterdir()] == ["study.yaml"]


@pytest.mark.parametrize("runs_dir", ["/proc/x", "study.yaml/runs"])
def test_a_runs_folder_that_cannot_be(runs_dir: str, folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY)
    code, said, message = pinn_sweep("run", "study.yaml", "--runs-dir", runs_dir)
    assert (code, said) == (2, "")
    assert message.startswith(f"pinn-sweep: {runs_dir} cannot be written: ")
    assert [entry.name for entry in folder.iterdir()] == ["study.yaml"]
    assert pinn_sweep("doctor", "--runs-dir", runs_dir)[0] == 2


def test_a_study_that_does_not_exist(folder: Path) -> None:
    code, _, message = pinn_sweep("run", "dmo")
    assert code == 2
    assert "'dmo'" in message
    assert "did you mean 'demo'" in message
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("verb", ["status", "verify", "sync", "report", "ui"])
def test_verbs_for_a_study_that_has_not_run(verb: str, folder: Path) -> None:
    code, _, message = pinn_sweep(verb, "demo")
    assert code == 2
    assert "has not been run" in message
    assert "pinn-sweep run demo" in message
    assert list(folder.iterdir()) == []
    code, _, message = pinn_sweep(verb, "../../etc")
    assert code == 2
    assert "no study '../../etc'" in message


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder in which the sample study has run, with an MLflow of its own."""
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        launch_module.run_study(
            sample(folder),
            runs_dir=folder / "runs",
            executor="inline",
            console=Console(file=StringIO()),
        )
    return folder / "runs"


def some_run(runs: Path) -> tuple[Store, Run]:
    files = StudyFolder.of(runs, "sample")
    return Store(files.store), pinn_run(load_study(str(files.study_file)))


def test_status(done: Path) -> None:
    code, said, _ = pinn_sweep("status", "sample", "--runs-dir", done)
    assert code == 0
    assert "4/4" in said
    assert "no command is working on it" in said
    state: dict[str, Any] = json.loads(
        pinn_sweep("status", "sample", "--runs-dir", done, "--json")[1]
    )
    assert state["complete"]
    assert {(one["model"], one["stage"], one["done"]) for one in state["stages"]} == {
        ("pinn", "search", 4),
        ("regression", "search", 2),
        ("pinn", "rerun", 2),
        ("regression", "rerun", 2),
    }


def test_the_runs_folder_may_come_from_the_environment(done: Path) -> None:
    code, said, _ = pinn_sweep("status", "sample", PINN_SWEEP_RUNS=str(done))
    assert code == 0
    assert "4/4" in said


def test_verify_finds_nothing_and_then_what_was_lost(done: Path) -> None:
    assert pinn_sweep("verify", "sample", "--runs-dir", done)[:2] == (
        0,
        VERIFIED,
    )
    store, run = some_run(done)
    manifest = Path(store.where(run.run_id)).with_suffix(".json")
    hidden = manifest.rename(manifest.with_suffix(".hidden"))
    try:
        code, said, _ = pinn_sweep("verify", "sample", "--runs-dir", done, "--json")
        status = json.loads(pinn_sweep("status", "sample", "--runs-dir", done, "--json")[1])
    finally:
        hidden.rename(manifest)
    assert code == 1
    assert {"name": "missing", "run_id": run.run_id} == {
        key: json.loads(said)["findings"][0][key] for key in ("name", "run_id")
    }
    assert not status["complete"]


def test_verify_names_one_damaged_file_and_nothing_else(done: Path) -> None:
    store, run = some_run(done)
    file = Path(store.where(run.run_id))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    try:
        code, said, _ = pinn_sweep("verify", "sample", "--runs-dir", done, "--json")
    finally:
        file.write_bytes(content)
    assert code == 1
    assert {finding["run_id"] for finding in json.loads(said)["findings"]} == {run.run_id}


def test_sync_twice_writes_nothing_new(done: Path) -> None:
    code, said, _ = pinn_sweep("sync", "sample", "--runs-dir", done)
    assert code == 0
    assert "0 runs written, 10 already there" in said


def test_report_of_a_study(done: Path) -> None:
    code, said, _ = pinn_sweep("report", "sample", "--runs-dir", done)
    assert code == 0
    page = Path(said.removeprefix("report: ").strip())
    assert page == StudyFolder.of(done, "sample").report / "index.html"
    assert page.is_file()


def test_a_report_of_a_file_reads_the_runs_as_the_file_says_now(done: Path, folder: Path) -> None:
    asked = "question: Does it help?\nanalysis: {plateau: {drop: 0.05}}\n"
    (folder / "mine.yaml").write_text(STUDY + asked)
    claims = done / "sample" / "report" / "claims.json"

    def drop(*words: str) -> float:
        assert pinn_sweep("report", *words, "--runs-dir", done)[0] == 0
        rule: dict[str, float] = json.loads(claims.read_text())["rule"]
        return rule["drop"]

    assert drop("mine.yaml") == 0.05
    assert "Does it help?" in claims.with_name("index.html").read_text()
    assert drop("sample") == 0.15  # as it last ran
    assert drop("sample", "analysis.plateau.drop=0.3") == 0.3


def test_a_report_cannot_be_of_other_runs(done: Path) -> None:
    code, _, message = pinn_sweep("report", "sample", "base.phases.0.steps=50", "--runs-dir", done)
    assert code == 2
    assert message == (
        "pinn-sweep: base.phases.0.steps: was 6, is 50: a report is of the runs that there are; "
        "allowed: question, analysis, expected\n"
    )


def test_commands_that_are_told_name_the_runs_folder(done: Path, folder: Path) -> None:
    there = folder / "copied runs"
    shutil.copytree(done, there)
    store = Store(StudyFolder.of(there, "sample").store)
    next(Path(store.root).glob("*.json")).unlink()
    said = pinn_sweep("status", "sample", "--runs-dir", there)[1]
    assert said.endswith("to continue: pinn-sweep run sample --runs-dir 'copied runs'\n")
    assert StudyFolder.of("runs", "sample").command("run") == "pinn-sweep run sample"


def test_ui_of_a_database_that_is_none(done: Path, folder: Path) -> None:
    (folder / "notes.db").write_text("not a database " * 100)
    code, _, message = pinn_sweep(
        "ui", "sample", "--runs-dir", done, "--tracking-uri", "sqlite:///notes.db"
    )
    assert code == 2
    assert "cannot be used" in message


def test_a_report_that_cannot_be_written(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CannotWrite("disk full: no room for the report")

    monkeypatch.setattr(reporting, "write_report_of", refuse)
    code, _, message = pinn_sweep("report", "sample", "--runs-dir", done)
    assert (code, message) == (1, "pinn-sweep: disk full: no room for the report\n")


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("problems", "heat"),
        ("networks", "mlp"),
        ("objectives", "pinn"),
        ("optimizers", "adam"),
        ("weightings", "fixed"),
        ("aggregations", "config"),
        ("alignments", "gua"),
        ("stages", "marching"),
        ("activations", "gelu"),
        ("samplers", "tpe"),
        ("studies", "demo"),
    ],
)
def test_list(family: str, name: str) -> None:
    code, said, _ = pinn_sweep("list", family)
    assert code == 0
    assert any(line.startswith(f"{name} ") for line in said.splitlines())
    parts = json.loads(pinn_sweep("list", family, "--json")[1])
    assert all(part["summary"] for part in parts)


def test_the_summary_of_a_study_is_a_whole_sentence() -> None:
    summaries = known("studies").values()
    assert any(" et al. 2021" in summary for summary in summaries)
    for summary in summaries:
        assert summary.endswith(".")
        assert summary.count("(") == summary.count(")")


def test_list_of_something_unknown() -> None:
    code, _, message = pinn_sweep("list", "problem")
    assert code == 2
    assert "did you mean 'problems'" in message


def test_doctor(folder: Path) -> None:
    code, said, _ = pinn_sweep("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(said)}
    assert {"python", "torch", "cores", "memory"} <= checks.keys()
    assert (code == 0) == all(check["ok"] for check in checks.values())
    assert list(folder.iterdir()) == []
    code, said, _ = pinn_sweep("doctor", "--tracking-uri", "http://127.0.0.1:9")
    assert code == 2
    assert "BAD  tracking at http://127.0.0.1:9" in said


def test_the_doctor_knows_whether_a_study_has_room() -> None:
    code, said, _ = pinn_sweep("doctor", "demo", "resources.cpus=1000")
    assert code == 2
    assert "BAD  room for packs of demo: resources: each pack asks for 1000 CPUs" in said
    _, said, _ = pinn_sweep("doctor", "demo")
    assert "ok   room for packs of demo: " in said


def test_the_doctor_needs_a_cluster_that_is_there(folder: Path) -> None:
    code, said, _ = pinn_sweep("doctor", "--address", "127.0.0.1:9")
    assert code == 2
    assert "BAD  cluster at 127.0.0.1:9: no Ray cluster at '127.0.0.1:9': Connection ref" in said
    assert list(folder.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from sweeps.cli import app; "
        "result = CliRunner().invoke(app, ['--help']); assert result.exit_code == 0; "
        "heavy = {'torch', 'ray', 'mlflow', 'optuna', 'pandas', 'pydantic', 'numpy'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
