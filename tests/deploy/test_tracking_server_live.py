"""The tracking server as ``serve.sh`` starts it, on PostgreSQL: a study through it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from sweeps.checking.verify import verify
from sweeps.errors import StudyError
from sweeps.execution.launch import run_study
from sweeps.search.planned import planned_ids
from sweeps.store.folder import StudyFolder
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import Study
from sweeps.tracking.mlflow_client import open_client
from sweeps.tracking.tracking import check_tracking
from tests.deploy.files import DEPLOY
from tests.sweeps.samples import sample_study

pytestmark = pytest.mark.slow

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2", "resources.retries=1")


def program(name: str) -> str:
    """A program of PostgreSQL's server, which Debian keeps off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        pytest.skip(f"needs PostgreSQL's {name} (Debian: apt install postgresql)")
    return found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """With a path short enough for a socket, and passable for PostgreSQL's own user."""
    for package in ("psycopg", "flask_wtf"):
        if find_spec(package) is None:
            pytest.skip(f"needs {package}")
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="ts-") as name:
        os.chmod(name, 0o755)
        shutil.copytree(DEPLOY / "tracking-server", f"{name}/server", dirs_exist_ok=True)
        shutil.rmtree(f"{name}/server/secrets", ignore_errors=True)
        subprocess.run([f"{name}/server/secrets.sh"], check=True)
        accounts = Path(name, "server", "basic_auth.ini")
        accounts.write_text(accounts.read_text().replace("/var/run/postgresql", name))
        yield Path(name)


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[str]:
    """PostgreSQL with a password on its socket and no port; its address, without the password."""
    initdb, postgres = program("initdb"), program("postgres")
    owner = "postgres" if os.geteuid() == 0 else None
    data, password = folder / "data", folder / "password"
    data.mkdir(mode=0o700)
    shutil.copy(folder / "server" / "secrets" / "postgres-password", password)
    if owner:
        for path in (data, password):
            shutil.chown(path, owner)
        os.chmod(folder, 0o777)
    subprocess.run(
        [
            *(initdb, "-D", data, "--username=mlflow", f"--pwfile={password}"),
            *("--auth-local=scram-sha-256", "--auth-host=reject"),
        ],
        user=owner,
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    with (folder / "database.log").open("wb") as log:
        server = subprocess.Popen(
            [postgres, "-D", data, *options], user=owner, stdout=log, stderr=log, cwd=folder
        )
    try:
        _make_database(folder)
        yield f"postgresql://mlflow@/mlflow?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)  # ends sessions, does not wait for them
        server.wait(timeout=30)


def _make_database(folder: Path) -> None:
    import psycopg

    secret = (folder / "server" / "secrets" / "postgres-password").read_text().strip()
    for _ in range(300):
        try:
            given = {"host": str(folder), "user": "mlflow", "password": secret}
            with psycopg.connect(dbname="postgres", autocommit=True, **given) as session:
                session.execute("create database mlflow")
                return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise AssertionError((folder / "database.log").read_text())


@pytest.fixture(scope="module")
def server(folder: Path, database: str) -> Iterator[str]:
    """The server's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SECRETS": str(folder / "server" / "secrets"),
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_PORT": str(port),
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"127.0.0.1:{port}",
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", folder / "server" / "serve.sh"],
            env=os.environ | given,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    uri = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None and not _answers(uri):
            time.sleep(0.5)
        assert process.poll() is None, (folder / "server.log").read_text()
        yield uri
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _answers(uri: str) -> bool:
    try:
        with urlopen(f"{uri}/health", timeout=5):
            return True
    except (URLError, OSError):
        return False


@pytest.fixture
def accounts(server: str, folder: Path) -> None:
    """Ada and Grace, whom the administrator has added."""
    admin = (folder / "server" / "secrets" / "admin-password").read_text().strip()
    for name in ("ada", "grace"):
        subprocess.run(
            [sys.executable, folder / "server" / "add_user.py", name],
            env=os.environ
            | {"MLFLOW_TRACKING_URI": server}
            | {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": admin},
            input=f"{name}-has-12-letters\n",
            text=True,
            check=True,
            capture_output=True,
            start_new_session=True,  # without a terminal, a password is read from the input
        )


def log_in(monkeypatch: pytest.MonkeyPatch, name: str, password: str | None = None) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password or f"{name}-has-12-letters")


def problems(study: Study, runs_dir: Path, uri: str) -> list[object]:
    folder = StudyFolder.of(runs_dir, study.name)
    store = Store(folder.store)
    results = Results.sound(store, study.metric, folder.passed_over)
    return verify(study, store, planned_ids(study, store, results), uri).findings


@pytest.mark.timeout(900)
def test_a_study_through_a_server_that_asks_for_names(
    server: str, accounts: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    with pytest.raises(StudyError, match="cannot be used"):
        check_tracking(server)
    log_in(monkeypatch, "ada", "not-her-password")
    with pytest.raises(StudyError, match="cannot be used"):
        check_tracking(server)

    log_in(monkeypatch, "ada")
    study = sample_study(tmp_path, *SMALL)
    assert run_study(study, runs_dir=tmp_path, tracking_uri=server, executor="inline") == 0
    assert problems(study, tmp_path, server) == []

    log_in(monkeypatch, "grace")
    assert open_client(server).search_experiments() == []

    secrets = [file.read_text().strip() for file in (folder / "server" / "secrets").iterdir()]
    secrets += ["ada-has-12-letters", "grace-has-12-letters"]
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in [folder / "server.log", folder / "database.log", *written]:
        content = file.read_bytes()
        assert not any(secret.encode() in content for secret in secrets), file
