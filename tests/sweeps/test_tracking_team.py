"""A whole study through the team's server: MLflow that asks for a name, on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import servers
from sweeps.store.folder import StudyFolder
from tests.processes import running
from tests.sweeps.samples import STUDY

LACKING = servers.missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(LACKING), reason=LACKING),
]
COMMAND = Path(sys.executable).with_name("pinn-sweep")
PASSWORD = "twelve-letters-and-spices"
OVERRIDES = ("base.phases.0.steps=40", "rerun.seeds=2")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pg-") as place:
        os.chmod(place, 0o755)  # PostgreSQL's own user passes through
        with servers.postgresql(Path(place, "postgresql")) as uri:
            yield uri


def environment(uri: str, password: str = PASSWORD, **more: str) -> dict[str, str]:
    given = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": password}
    return os.environ | given | {"MLFLOW_TRACKING_URI": uri} | more


def pinn_sweep(
    verb: str, folder: Path, uri: str, name: str = "sample", **more: str
) -> subprocess.CompletedProcess[str]:
    arguments = ["sample.yaml", f"name={name}", *OVERRIDES] if verb == "run" else [name]
    return subprocess.run(
        [COMMAND, verb, *arguments],
        cwd=folder,
        env=environment(uri, **more),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sample.yaml").write_text(STUDY)
    (tmp_path / "server").mkdir()
    return tmp_path


def test_a_study_outlives_its_server_and_is_published_once(
    folder: Path, database: str, stack: ExitStack
) -> None:
    place, port = folder / "server", servers.free_port()
    killed = signal.SIGKILL
    first = servers.mlflow_server(place, database, port=port, password=PASSWORD, end=killed)
    with first as uri:
        started = time.monotonic()
        refused = pinn_sweep("run", folder, uri, password="not-the-password")
        assert refused.returncode == 2
        line, more = refused.stderr.splitlines()
        assert more == "more: pinn-sweep explain mlflow-does-not-answer"
        assert "cannot be used" in line
        assert "not-the-password" not in line
        assert not (folder / "runs").exists()
        assert time.monotonic() - started < 60  # the program's own imports included

        command = [COMMAND, "run", "sample.yaml", *OVERRIDES]
        study = stack.enter_context(running(command, cwd=folder, env=environment(uri)))
        assert study.stdout is not None
        said = [next(line for line in study.stdout if line.startswith("search pinn"))]
    said.append(next(line for line in study.stdout if line.startswith("MLflow unreachable")))
    with servers.mlflow_server(place, database, port=port, password=PASSWORD) as uri:
        rest, _ = study.communicate(timeout=600)
        assert study.returncode == 0, rest
        assert pinn_sweep("sync", folder, uri).returncode == 0  # what the server's return left
        verified = pinn_sweep("verify", folder, uri)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert "all is well" in verified.stdout


def test_a_study_writes_straight_into_postgresql(folder: Path, database: str) -> None:
    ran = pinn_sweep("run", folder, database, "direct")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    verified = pinn_sweep("verify", folder, database, "direct")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    secret = database.partition("mlflow:")[2].partition("@")[0]
    assert not any(secret in done.stdout + done.stderr for done in (ran, verified))
    beside = StudyFolder.of(folder / "runs", "direct").path / "artifacts"
    assert any(beside.rglob("*.parquet"))
    assert not (folder / "mlruns").exists()
