"""A study as a Ray job, named after the study, so that a second one is refused."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.network import ROOT, Host, hosts, needs_hosts
from tests.sweeps.samples import STUDY
from tests.wheel.test_own_methods import SMALL

pytest.importorskip("aiohttp_cors", reason="jobs need what ray[default] brings")

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900), needs_hosts]

SUBMIT = ("ray", "job", "submit", "--address=http://127.0.0.1:8265")
NAMED = "--submission-id=pinn-sweep-sample"


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "sample.yaml").write_text(STUDY)
    with hosts(("head",), tmp_path / "disks", tmp_path / "shared") as there:
        monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        head = there["head"]
        head.run(
            *("ray", "start", "--head", "--num-cpus=1", f"--node-ip-address={head.address}"),
            *("--include-dashboard=true", "--dashboard-host=127.0.0.1"),
        )
        yield head


def test_a_second_job_of_the_same_study_is_refused(head: Host, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    command = ("pinn-sweep", "run", str(shared / "sample.yaml"), "base.phases.0.steps=300")
    command = (*command, "rerun.seeds=1", f"--runs-dir={shared / 'runs'}")
    head.run(*SUBMIT, NAMED, "--no-wait", "--", *command)
    code, said = head.ask(*SUBMIT, NAMED, "--no-wait", "--", *command)
    assert code != 0
    assert "already exists" in said

    job = ("--address=http://127.0.0.1:8265", "pinn-sweep-sample")
    logs = head.run("ray", "job", "logs", "--follow", *job, seconds=500)
    assert "next:" in logs
    assert "succeeded" in head.run("ray", "job", "status", *job)

    head.run("ray", "job", "delete", *job)
    logs = head.run(*SUBMIT, NAMED, "--", *command, seconds=500)  # and again, all of it is there
    assert "succeeded" in logs


def test_a_job_brings_methods_of_ones_own(head: Host, tmp_path: Path) -> None:
    own, runs = "/tmp/own", f"--runs-dir={tmp_path / 'shared' / 'runs'}"
    head.run("cp", "-r", ROOT / "examples" / "own_methods", own)
    command = ("pinn-sweep", "run", "fisher.yaml", *SMALL, runs)
    logs = head.run(*SUBMIT, f"--working-dir={own}", "--", *command, seconds=500)
    assert "succeeded" in logs
    said = head.run("pinn-sweep", "verify", f"{own}/fisher.yaml", runs)
    assert "12 runs replayed to the bit" in said
