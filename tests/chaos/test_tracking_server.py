"""MLflow's server refuses, fails or is slow in the middle of a study."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.request import urlopen

import pytest
from rich.console import Console

from sweeps.checking.verify import Finding, verify
from sweeps.execution import launch as launch_module
from sweeps.execution.launch import run_study
from sweeps.study.study import Study
from sweeps.tracking import tracking
from sweeps.tracking.tracking import sync
from tests.proxy import Proxy, Trouble, proxy_of
from tests.sweeps.launching import digests, planned, sample, store_of
from tests.sweeps.test_tracking_server import server

pytestmark = pytest.mark.slow

RUN, CURVES, END = "runs/create", "runs/log-batch", "runs/update"
FILE = "PUT .*mlflow-artifacts"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """In the middle between the studies and a real server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with server(tmp_path_factory.mktemp("server"), port), proxy_of(f"127.0.0.1:{port}") as proxy:
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield proxy


@pytest.fixture(autouse=True)
def briefly(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No report, and a server that is waited for no longer than the tests need."""
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr(tracking, "PATIENCE", 20.0)
    yield
    proxy.heal()


@pytest.fixture
def study(tmp_path: Path, request: pytest.FixtureRequest) -> Study:
    """With an experiment of its own in each test."""
    return sample(tmp_path, "name=" + re.sub("[^a-z]+", "-", request.node.name)[-40:].strip("-"))


def launch(study: Study, folder: Path, server: str) -> tuple[int, str]:
    screen = StringIO()
    code = run_study(
        study,
        runs_dir=folder / "runs",
        tracking_uri=server,
        executor="inline",
        console=Console(file=screen, width=300),
    )
    return code, screen.getvalue()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> dict[str, str]:
    """The digests of the study where nothing happens."""
    folder = tmp_path_factory.mktemp("quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        assert launch(sample(folder), folder, f"http://{proxy.address}")[0] == 0
    return digests(sample(folder), folder)


def problems(study: Study, folder: Path, server: str) -> list[Finding]:
    """What ``pinn-sweep verify`` finds: a run twice, none, still running, or with other numbers."""
    return verify(study, store_of(study, folder), planned(study, folder), server).findings


@pytest.mark.parametrize(
    ("trouble", "is_said"),
    [
        (Trouble(500, first=CURVES, nth=3, requests=3), True),
        (Trouble(502, served=True, first=RUN, nth=3, requests=1), True),
        (Trouble(502, served=True, first=CURVES, nth=3, requests=1), True),
        (Trouble(502, served=True, first=END, nth=3, requests=1), True),
        (Trouble(503, served=True, first=FILE, nth=3, requests=1), True),
        (Trouble(delay=1.5, first=RUN, nth=2, requests=2), True),
        (Trouble(delay=0.05), False),
    ],
    ids=[
        *("fails", "no answer on a run", "no answer on curves", "no answer on an end"),
        *("no answer on a file", "slower than we wait", "slow"),
    ],
)
def test_a_study_outlives_a_tracking_server_that_stumbles(
    trouble: Trouble,
    is_said: bool,
    study: Study,
    proxy: Proxy,
    tmp_path: Path,
    quiet: dict[str, str],
) -> None:
    proxy.make(trouble)
    code, said = launch(study, tmp_path, f"http://{proxy.address}")
    assert code == 0
    assert proxy.struck >= min(trouble.requests, 10)
    assert said.count("MLflow unreachable, ") == is_said
    assert not re.search("lost,|not published|Traceback|not in MLflow", said)
    assert digests(study, tmp_path) == quiet
    proxy.heal()
    assert problems(study, tmp_path, f"http://{proxy.address}") == []


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(401, "You are not authenticated.", first=RUN, nth=4), "401"),
        (Trouble(403, "Permission denied", first=CURVES, nth=4), "403"),
        (Trouble(500, first=RUN, nth=4), "500"),
        (Trouble(delay=5, first=RUN, nth=4), "timed out"),
    ],
    ids=["wrong password", "no permission", "fails", "does not answer"],
)
@pytest.mark.parametrize("mended_by", ["run", "sync"])
def test_a_tracking_server_that_is_lost_stops_no_study(
    trouble: Trouble,
    words: str,
    mended_by: str,
    study: Study,
    proxy: Proxy,
    tmp_path: Path,
    quiet: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 0.5)
    server = f"http://{proxy.address}"
    proxy.make(trouble)
    code, said = launch(study, tmp_path, server)
    assert code == 0
    assert digests(study, tmp_path) == quiet
    (message,) = (line for line in said.splitlines() if line.startswith("MLflow unreachable, "))
    assert words in message
    assert (
        f"runs are not in MLflow yet; they are safe in the store: pinn-sweep sync {study.name}"
        in said
    )
    assert not re.search("lost,|not published|Traceback", said)
    proxy.heal()
    assert problems(study, tmp_path, server)
    if mended_by == "run":
        assert launch(study, tmp_path, server)[0] == 0
    else:
        assert sync(study, store_of(study, tmp_path), server).failed == {}
    assert problems(study, tmp_path, server) == []
