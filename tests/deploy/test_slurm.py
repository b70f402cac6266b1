"""The batch script on stand-ins for Slurm and Ray: who gets which signal, and what is requeued."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY
from tests.processes import running

SCRIPT = DEPLOY / "slurm" / "study.sbatch"

STAND_INS = {
    # runs what it is given, as on one node
    "srun": 'while [[ $1 == --* ]]; do shift; done\necho "$@" >>"$NOTES/srun"\nexec "$@"',
    "scontrol": '[ "$1" = show ] && echo node-a || echo "$@" >>"$NOTES/scontrol"',
    # `ray symmetric-run OPTIONS -- COMMAND` runs the command on the head
    "ray": 'while [ "$1" != -- ]; do shift; done\nshift\nexec "$@"',
    # a study that trains until it is asked to stop, and then ends as an interrupted one does
    "pinn-sweep": 'trap "exit $CODE_AT_STOP" TERM\nprintf "%s\\n" "$@" >"$NOTES/study"\n'
    'touch "$NOTES/trains"\n[ "$CODE" ] && exit "$CODE"\nwhile :; do sleep 0.05; done',
}


@pytest.fixture
def job(tmp_path: Path) -> Iterator[dict[str, str]]:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, body in STAND_INS.items():
        (bin_ / name).write_text(f"#!/bin/bash\n{body}\n")
        (bin_ / name).chmod(0o755)
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("not a secret")
    number = str(os.getpid() + 10_000_000)  # names a folder in /tmp
    yield {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "NOTES": str(tmp_path),
        "CODE": "",
        "CODE_AT_STOP": "130",
        "PINN_SWEEP_RUNS": str(tmp_path / "runs"),
        "SLURM_JOB_ID": number,
        "SLURM_JOB_NODELIST": "node-[a-b]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "4",
    }
    assert not Path(f"/tmp/pinn-sweep-{number}").exists()


COMMAND = ["bash", str(SCRIPT), "plateaus", "search.runs=8"]


def ended(job: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A job that ends by itself."""
    return subprocess.run(COMMAND, env=job, capture_output=True, text=True, timeout=30, check=False)


def at_walltime(job: dict[str, str]) -> int:
    """The exit code of a job that Slurm warns while it trains."""
    with running(COMMAND, env=job) as process:
        while not (Path(job["NOTES"]) / "trains").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGUSR1)
        process.communicate(timeout=30)
        return process.returncode


def requeued(job: dict[str, str]) -> bool:
    notes = Path(job["NOTES"]) / "scontrol"
    return notes.exists() and notes.read_text().split() == ["requeue", job["SLURM_JOB_ID"]]


def test_shortly_before_the_time_is_up_the_study_is_stopped_and_the_job_queued_again(
    job: dict[str, str],
) -> None:
    assert at_walltime(job) == 130
    assert requeued(job)


def test_a_study_that_ends_in_time_after_all_is_not_queued_again(job: dict[str, str]) -> None:
    assert at_walltime(job | {"CODE_AT_STOP": "0"}) == 0
    assert not requeued(job)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_study_that_ends_by_itself_decides_the_jobs_exit_code(
    job: dict[str, str], code: int
) -> None:
    assert ended(job | {"CODE": str(code)}).returncode == code
    assert not requeued(job)


def test_ports_and_temporary_folder_are_the_jobs_own(job: dict[str, str]) -> None:
    def ray_command(number: int) -> str:
        notes = Path(job["NOTES"]) / "srun"
        notes.unlink(missing_ok=True)
        ended(job | {"CODE": "0", "SLURM_JOB_ID": str(number)})
        return notes.read_text()

    first, second = (ray_command(40_000_000 + number) for number in (1, 2))
    assert "symmetric-run --address node-a:20002 --min-nodes 2" in first
    assert "--dashboard-agent-listen-port=20003 " in first
    assert "--address node-a:20004" in second
    assert "rm -rf -- /tmp/pinn-sweep-40000001" in first


@pytest.mark.parametrize("uri", ["sqlite:////shared/mlflow.db", "file:///shared"])
def test_no_database_file_on_a_shared_disk(job: dict[str, str], uri: str) -> None:
    refused = ended(job | {"MLFLOW_TRACKING_URI": uri})
    assert refused.returncode == 2
    assert "SQLite" in refused.stderr


def test_without_a_shared_folder_nothing_starts(job: dict[str, str]) -> None:
    del job["PINN_SWEEP_RUNS"]
    refused = ended(job)
    assert refused.returncode != 0
    assert "all nodes share" in refused.stderr


def test_the_token_is_for_its_owner_alone(job: dict[str, str]) -> None:
    ended(job | {"CODE": "0"})
    assert (Path(job["HOME"]) / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
