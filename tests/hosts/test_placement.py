"""Which GPUs packs may use, on hosts that declare GPUs to Ray without having them."""

from __future__ import annotations

import itertools
import json
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.cluster import LITTLE
from tests.hosts.network import Host, hosts, needs_hosts
from tests.hosts.placing import NOTES, TOGETHER

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900), needs_hosts]

GPUS, CPUS = 2, 6
"""Of each worker."""
STUDY = """
name: placed
base:
  problem: {kind: heat, points_per_axis: 8, interior_points: 20}
  network: {kind: mlp, width: 8, depth: 2}
  phases: [{kind: adam, steps: 20}]
models:
  pinn: {objective: {kind: pinn}, space: {phases.0.learning_rate: {low: 1.0e-4, high: 1.0e-2}}}
search: {sampler: random, runs: 24}
rerun: {seeds: 1}
"""
DRIVER = """
import sys
from sweeps.execution.launch import run_study
from sweeps.study.study import load_study
file, runs, address, *overrides = sys.argv[1:]
study = load_study(file, overrides)
trainer = "tests.hosts.placing:train"
sys.exit(run_study(study, runs_dir=runs, address=address, trainer=trainer))
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Host]]:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "placed.yaml").write_text(STUDY)
    with hosts(("head", "one", "two"), tmp_path / "disks", shared) as there:
        monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield there


@pytest.mark.parametrize(("share", "on_each"), [(1.0, 1), (0.5, 2), (0.3, 3)])
def test_packs_have_the_share_of_a_gpu_that_they_asked_for(
    there: dict[str, Host], tmp_path: Path, share: float, on_each: int
) -> None:
    head, *workers = there.values()
    notes, together = tmp_path / "shared" / "notes", len(workers) * GPUS * on_each
    notes.mkdir()
    start = ("ray", "start", LITTLE)
    named = f"--node-ip-address={head.address}"
    head.run(*start, "--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false", named)
    for worker in workers:
        head_at, own = f"--address={head.address}:6379", f"--node-ip-address={worker.address}"
        resources = (f"--num-cpus={CPUS}", f"--num-gpus={GPUS}")
        note = {NOTES: str(notes), TOGETHER: str(together)}
        worker.run(*start, head_at, own, *resources, **note)
    shared = tmp_path / "shared"
    places = (shared / "placed.yaml", shared / "runs", f"{head.address}:6379")
    overrides = (f"resources.gpus={share}", "resources.pack=1")
    head.run("python", "-c", DRIVER, *places, *overrides)

    packs = [json.loads(file.read_text()) for file in notes.glob("*.ended")]
    assert len(packs) == 25
    assert {pack["device"] for pack in packs} == {"cuda"}
    gpus = set(itertools.product([worker.address for worker in workers], ["0", "1"]))
    assert {(pack["host"], pack["devices"]) for pack in packs} == gpus  # each pack sees one of them
    most = Counter[tuple[str, str]]()
    for moment in [pack["began"] for pack in packs]:
        most |= Counter(
            (pack["host"], pack["devices"])
            for pack in packs
            if pack["began"] <= moment < pack["ended"]
        )
    assert set(most.values()) == {on_each}
