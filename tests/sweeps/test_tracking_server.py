"""The publisher and a real MLflow server that dies under its hands."""

import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sweeps.store.store import Store
from sweeps.study.plan import rerun_runs
from sweeps.tracking import tracking
from sweeps.tracking.mlflow_client import open_client, search_runs
from sweeps.tracking.tracking import Publisher
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of

pytestmark = pytest.mark.slow


@contextmanager
def server(folder: Path, port: int) -> Iterator[None]:
    """An MLflow server, killed without warning at the end."""
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/server.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    log = folder / f"server-{len(list(folder.glob('server-*.log')))}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_a_server_that_comes_late_and_dies_gets_every_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "PATIENCE", 120.0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    study = sample_study(tmp_path, "rerun.seeds=30")
    store = Store(str(tmp_path / "store"))
    runs = rerun_runs(study, "pinn", [pinn_run(study)])
    said: queue.Queue[str] = queue.Queue()
    uri = f"http://127.0.0.1:{port}"
    publisher = Publisher(uri, store, study, said.put)
    publisher.start()
    for run in runs:
        commit(store, run, trajectory_of(run))
        publisher.submit(run.run_id)
    assert said.get().startswith("MLflow unreachable, ")
    with server(tmp_path, port):
        while publisher.waiting > 20:
            time.sleep(0.05)
    assert said.get().startswith("MLflow unreachable, ")
    with server(tmp_path, port):
        publisher.finish()
        publisher.close()
        assert publisher.waiting == 0
        client = open_client(uri)
        experiment = client.get_experiment_by_name(study.name)
        assert experiment is not None
        found = search_runs(client, experiment.experiment_id)
        states = Counter((run.data.tags.get("run_id"), run.info.status) for run in found)
        assert states == Counter([(run.run_id, "FINISHED") for run in runs] + [(None, "FINISHED")])
        name = f"trajectory/{runs[-1].run_id}.parquet"
        last = next(r for r in found if r.data.tags.get("run_id") == runs[-1].run_id)
        file = client.download_artifacts(last.info.run_id, name, str(tmp_path))
        assert Path(file).read_bytes() == Path(store.where(runs[-1].run_id)).read_bytes()
    assert said.empty()
