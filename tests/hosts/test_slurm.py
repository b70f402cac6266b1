"""The batch script under a real Slurm: a study that loses a node, and then runs out of time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.deploy.files import DEPLOY
from tests.hosts.cluster import digests, digests_alone
from tests.hosts.network import needs_hosts
from tests.hosts.slurm import Slurm, needs_slurm, started

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(1800), needs_hosts, needs_slurm]

SCRIPT = DEPLOY / "slurm" / "study.sbatch"
TIME = "%Y-%m-%dT%H:%M:%S"
OVERRIDES = ("rerun.seeds=2", "resources.pack=1")
JOB = ("--nodes=2", "--cpus-per-task=1", "--gpus-per-node=0", "--time=30", "--signal=B:USR1@120")


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Slurm]:
    with started(tmp_path) as slurm:
        yield slurm


def test_a_study_outlives_its_first_node_and_its_time_limit(slurm: Slurm, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    quiet = digests_alone(alone, OVERRIDES)
    hold, log = slurm.shared / "hold", slurm.shared / "study.log"
    hold.touch()
    where = (f"--chdir={slurm.shared}", f"--output={log}")
    job = slurm.ask(
        *("sbatch", "--parsable", *JOB, *where, SCRIPT, slurm.shared / "sample.yaml", *OVERRIDES),
        SWEEP_FAULT="in_step:1@3:hold",  # every worker in its third pack
        SWEEP_FAULT_HOLD=str(hold),
    ).strip()

    def held() -> bool:
        return len(hold.read_text().split()) == 2

    def committed() -> int:
        return len(Store(StudyFolder.of(slurm.shared / "runs", "sample").store).committed())

    slurm.wait_until(held)
    first = committed()
    assert first
    slurm.nodes[slurm.about(job, "BatchHost")].kill()
    hold.write_text("")
    slurm.wait_until(lambda: slurm.about(job, "Restarts") == "1")
    slurm.wait_until(held)
    second = committed()
    assert first < second < len(quiet)
    ran = time.time() - time.mktime(time.strptime(slurm.about(job, "StartTime"), TIME))
    slurm.limit(job, math.ceil(ran / 60) + 2)  # the warning comes within a minute or two
    slurm.wait_until(lambda: slurm.about(job, "Restarts") == "2")
    assert "the time is nearly up: stopping the study" in log.read_text()
    assert committed() == second
    hold.unlink()
    slurm.limit(job, 30)
    slurm.wait_until(lambda: slurm.about(job, "JobState") not in ("PENDING", "RUNNING"))
    assert slurm.about(job, "JobState") == "COMPLETED", log.read_text()
    assert digests(slurm.shared / "runs") == quiet
    places = (f"--runs-dir={slurm.shared / 'runs'}", "--tracking-uri=sqlite:////tmp/mlflow.db")
    slurm.ask("pinn-sweep", "sync", slurm.shared / "sample.yaml", *places)
    said = slurm.ask("pinn-sweep", "verify", slurm.shared / "sample.yaml", *places)
    assert "all is well" in said
