"""MLflow's pages for a study, served on this machine until Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from sweeps.errors import StudyError
from sweeps.tracking import first_view
from sweeps.tracking.tracking_address import masked

LOOPBACK = "127.0.0.1"

ENVIRONMENT = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def serve(tracking_uri: str, experiment: str, port: int, say: Callable[[str], None]) -> int:
    """Run ``mlflow server`` on loopback until it ends or Ctrl-C; returns the exit code.

    Says the experiment's address once pages are served. The server and its workers end with this
    process, unless ``kill -9`` ends it. Raises ``StudyError`` if the port is taken.
    """
    _check_free(port)
    command = [sys.executable, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(port)]
    command += ["--workers", "1"]
    # In the environment, for other users of the machine see the arguments of commands.
    store = {"MLFLOW_BACKEND_STORE_URI": tracking_uri}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = subprocess.Popen(
        command,
        env={**os.environ, **ENVIRONMENT, **store},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a group of its own, so that its workers end with it
    )
    try:
        say("starting MLflow, which takes some 10 seconds")
        if _answers(server, port):
            say(f"MLflow: {_page(experiment, port)}   (Ctrl-C ends it)")
        else:
            said = [f"{name}={masked(value)}" for name, value in store.items()]
            say(f"MLflow ended at once; it says why: {shlex.join(['env', *said, *command])}")
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end(server)


def _page(experiment: str, port: int) -> str:
    """Where an experiment's runs are shown, or the list of experiments if there is none such."""
    site = f"http://{LOOPBACK}:{port}"
    query = urlencode({"experiment_name": experiment})
    try:
        with urlopen(
            f"{site}/api/2.0/mlflow/experiments/get-by-name?{query}", timeout=10
        ) as answer:
            number = json.load(answer)["experiment"]["experiment_id"]
    except (URLError, OSError):
        return site
    return f"{site}/{first_view.page(number)}"


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StudyError(
                f"port {port} cannot be used ({error}); try --port {port + 1}"
            ) from None


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; False if it ended."""
    while server.poll() is None:
        try:
            with urlopen(f"http://{LOOPBACK}:{port}/health", timeout=1):
                return True
        except (URLError, OSError):
            time.sleep(0.3)
    return False


def _end(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(timeout=5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
