"""A small study through Ray Tune, as a person runs it: interrupted, a worker killed, finished."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

import pytest
from rich.console import Console

from benchmarks.processes import family
from sweeps.execution import launch
from sweeps.search.search import ModelSearch
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from sweeps.study.study import load_study
from tests.sweeps.samples import STUDY

COMMAND = Path(sys.executable).with_name("pinn-sweep")
OVERRIDES = ("base.phases.0.steps=30", "rerun.seeds=2", "search.sampler=tpe", "search.runs=4")


def heed_interrupts() -> None:
    """A test run in the background of a script is born deaf to SIGINT, and so are its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, "run", "sample.yaml", *OVERRIDES, *more],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # as a terminal does, so that Ctrl-C reaches its whole group
        preexec_fn=heed_interrupts,
    )


def digests(folder: Path) -> dict[str, str]:
    store = Store(StudyFolder.of(folder / "runs", "sample").store)
    return {one.run_id: one.digest for one in store.manifests()}


@pytest.fixture
def undisturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the same study gives in one process."""
    monkeypatch.setattr(launch, "bring_report_up_to_date", lambda *_: None)
    folder = tmp_path / "inline"
    folder.mkdir()
    (folder / "sample.yaml").write_text(STUDY)
    study = load_study(str(folder / "sample.yaml"), OVERRIDES)
    with (folder / "screen.txt").open("w") as screen:
        launch.run_study(
            study, runs_dir=folder / "runs", executor="inline", console=Console(file=screen)
        )
    return digests(folder)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_interrupted_and_with_a_worker_killed_a_study_ends_with_the_same_bits(
    number: signal.Signals, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    (tmp_path / "sample.yaml").write_text(STUDY)

    first = start(tmp_path)
    assert first.stdout
    said = [next(line for line in first.stdout if line.startswith("search pinn"))]
    os.killpg(first.pid, number)
    rest, _ = first.communicate(timeout=100)
    assert first.returncode == 130, rest
    assert f"To continue: pinn-sweep run sample.yaml {OVERRIDES[0]}" in rest.splitlines()[-1]
    kept = digests(tmp_path)
    assert said[0].split()[3].rstrip(":") in {run_id[:8] for run_id in kept}

    marker = tmp_path / "killed"
    fault = {"SWEEP_FAULT": "in_step:9:kill9", "SWEEP_FAULT_ONCE": str(marker)}
    second = start(tmp_path, **fault)
    output, _ = second.communicate(timeout=400)
    assert second.returncode == 0, output
    assert marker.exists() == ("lost, retry 1" in output)
    assert output.splitlines()[-1].startswith("next:")
    assert digests(tmp_path) == undisturbed
    assert kept.items() <= undisturbed.items()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_always_kills_its_worker_is_found_and_the_rest_completes(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(STUDY)
    study = load_study(str(tmp_path / "sample.yaml"), OVERRIDES)
    guilty = ModelSearch(study, "pinn").ask()[1].run_id
    first = start(
        tmp_path,
        "resources.pack=4",
        "resources.retries=1",
        SWEEP_FAULT=f"in_run:{guilty}@every:kill9",
    )
    output, _ = first.communicate(timeout=800)
    assert first.returncode == 1, output
    assert f"  {guilty}: The actor" in output
    assert output.count("lost, retry 1") == 2  # the whole pack, and the run alone
    kept = digests(tmp_path)
    assert guilty not in kept
    assert len(kept) == 4 + 2 + 2 + 2 - 1


BROKEN = """
import sys

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "pinn_core.training.pruning" and "default_worker" in sys.argv[0]:
            raise ImportError("libbroken.so.1: cannot open shared object file")

sys.meta_path.insert(0, Broken())
"""


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_workers_that_cannot_import_end_the_study_at_once_and_say_why(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(STUDY)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(BROKEN)
    paths = [str(tmp_path / "broken"), os.environ.get("PYTHONPATH", "")]
    process = start(tmp_path, PYTHONPATH=os.pathsep.join(filter(None, paths)))
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    assert "\nno worker can start: ImportError: libbroken.so.1: cannot open shared" in output
    assert output.count("libbroken") == 1
    assert "lost" not in output
    assert "\x1b" not in output


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("daemon", ["gcs_server", "raylet"])
def test_the_end_of_one_of_rays_daemons_ends_the_study_soon(daemon: str, tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(STUDY)
    process = start(tmp_path, "base.phases.0.steps=300000")
    assert process.stdout
    next(line for line in process.stdout if "in training" in line)
    (victim,) = (
        int(member.name)
        for member in family(process.pid)
        if (member / "cmdline").read_bytes().split(b"\0")[0].endswith(daemon.encode())
    )
    os.kill(victim, signal.SIGKILL)
    rest, _ = process.communicate(timeout=100)
    assert process.returncode == 130, rest
    assert f"Ray's {daemon} ended, status -9; logs: " in rest
    assert "To continue: pinn-sweep run sample.yaml" in rest.splitlines()[-1]
    assert f"Ray's {daemon} ended" in (tmp_path / "runs" / "sample" / "log.txt").read_text()
    rmtree(re.search(r"logs: (\S+/ray-\w+)/", rest)[1])
