"""PostgreSQL and MLflow's server on loopback, each for as long as a ``with`` lasts."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

LOOPBACK = "127.0.0.1"
STARTS_WITHIN = 180.0
"""Seconds that a server has to answer."""

AUTHENTICATION = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = sqlite:///{folder}/accounts.db
"""


def missing() -> str:
    """What this machine lacks to run both servers, in words; empty if nothing."""
    for name in ("initdb", "postgres"):
        if _program(name) is None:
            return f"needs PostgreSQL's {name} (Debian: apt install postgresql)"
    for package in ("psycopg", "flask_wtf"):
        if find_spec(package) is None:
            return f"needs {package} (the extra dev)"
    return ""


@contextmanager
def postgresql(folder: Path, host: str = LOOPBACK) -> Iterator[str]:
    """A database system in the folder, which is made; yields the address of an empty database.

    It listens at ``host``, an address of this machine, for all machines of that network. The
    address that is returned holds the password. Its user and the system's own are ``postgres``
    where root asks, as PostgreSQL refuses to run as root.
    """
    folder.mkdir(mode=0o700)
    owner = "postgres" if os.geteuid() == 0 else None
    password, port = secrets.token_urlsafe(16), free_port()
    file = folder / "password"
    file.write_text(password)
    if owner:
        for path in (folder, file):
            shutil.chown(path, owner)
    data = folder / "data"
    _run("initdb", "-D", data, "-U", "mlflow", "-A", "scram-sha-256", f"--pwfile={file}", by=owner)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write("host all mlflow samenet scram-sha-256\n")
    settings = {
        "listen_addresses": host,
        "port": port,
        "unix_socket_directories": "",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [_program("postgres"), "-D", data, *options]
    with _serving(command, folder / "postgres.log", signal.SIGINT, owner=owner) as alive:
        server = f"postgresql://mlflow:{password}@{host}:{port}"
        _wait(lambda: _makes_database(server), alive, folder / "postgres.log")
        yield f"{server}/mlflow"


@contextmanager
def mlflow_server(
    folder: Path,
    store: str,
    *,
    port: int | None = None,
    password: str | None = None,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[str]:
    """MLflow's server on the database at ``store``; yields its address.

    With a password it asks everyone for a name, knows ``admin`` alone, and lets nobody see what is
    not his own. ``end`` is the signal that ends it. Its files lie in the folder.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    command += ["--workers", "1", "--artifacts-destination", str(folder / "artifacts")]
    command += ["--allowed-hosts", f"{LOOPBACK}:{port}"]
    environment = {
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    if password:
        accounts = folder / "basic_auth.ini"
        accounts.write_text(AUTHENTICATION.format(folder=folder))
        command += ["--app-name", "basic-auth"]
        environment |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(accounts),
            "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
            "MLFLOW_AUTH_ADMIN_PASSWORD": password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        }
    log, address = folder / "server.log", f"http://{LOOPBACK}:{port}"
    with _serving(command, log, end, environment) as alive:
        _wait(lambda: _answers(address), alive, log)
        yield address


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(
    command: Sequence[object],
    log: Path,
    end: signal.Signals,
    environment: dict[str, str] | None = None,
    owner: str | None = None,
) -> Iterator[Callable[[], bool]]:
    """A process in a group of its own, which ends with the block; yields whether it is alive."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env=os.environ | (environment or {}),
            stdout=output,
            stderr=output,
            cwd=log.parent,
            user=owner,
            start_new_session=True,
        )
    try:
        yield lambda: process.poll() is None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, end)
        process.wait(timeout=60)


def _wait(ready: Callable[[], bool], alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while not ready():
        if not alive() or time.monotonic() > deadline:
            raise RuntimeError(f"it did not start: {log.read_text()[-2000:]}")
        time.sleep(0.2)


def _makes_database(server: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as session:
            session.execute("create database mlflow")
    except psycopg.OperationalError:
        return False
    return True


def _answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=5):
            return True
    except (URLError, OSError):
        return False


def _run(name: str, *arguments: object, by: str | None) -> None:
    command = [str(part) for part in (_program(name), *arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=by, cwd="/")


def _program(name: str) -> str | None:
    """One of PostgreSQL's programs, which Debian keeps off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)
