"""Several hosts publish one study, each its share of the runs, into one PostgreSQL."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import servers
from tests.hosts.network import hosts, needs_hosts

LACKING = servers.missing()
pytestmark = [
    pytest.mark.hosts,
    pytest.mark.timeout(900),
    needs_hosts,
    pytest.mark.skipif(bool(LACKING), reason=LACKING),
]

RUNS = 41
HEAD = f"""
import os, pickle, sys, tempfile, time
from pathlib import Path
from benchmarks import servers
from benchmarks.publishing import filled, problems
from sweeps.tracking.publishing import Experiment
host, shared = sys.argv[1], Path(sys.argv[2])
with tempfile.TemporaryDirectory(dir="/tmp") as name:
    os.chmod(name, 0o755)  # PostgreSQL's own user passes through
    with servers.postgresql(Path(name, "postgresql"), host) as uri:
        study, store = filled(shared / "study", {RUNS})
        experiment = Experiment(uri, store, study)
        experiment.publish([min(store.committed())])  # no two hosts make the parent runs at once
        (shared / "study.pickle").write_bytes(pickle.dumps((uri, study, store.root)))
        print("ready", flush=True)
        while not (shared / "published").exists():
            time.sleep(0.1)
        experiment.finish()
        print(*problems(uri, study, store), len(store.committed()))
"""
SHARE = """
import pickle, sys
from pathlib import Path
from sweeps.store.store import Store
from sweeps.tracking.publishing import Experiment
shared, number, hosts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
uri, study, root = pickle.loads((shared / "study.pickle").read_bytes())
store = Store(root)
share = sorted(store.committed())[1:][number::hosts]
experiment = Experiment(uri, store, study)
print(sum(experiment.publish(share[start : start + 5]) for start in range(0, len(share), 5)))
"""


def test_shares_of_several_hosts_make_the_whole_study(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with ExitStack() as stack:
        there = stack.enter_context(hosts(("head", "one", "two"), tmp_path / "disks", shared))
        head, *publishers = there.values()
        process = stack.enter_context(
            head.running(sys.executable, "-c", HEAD, head.address, str(shared))
        )
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        shares = [
            stack.enter_context(
                host.running(
                    sys.executable, "-c", SHARE, str(shared), str(number), str(len(publishers))
                )
            )
            for number, host in enumerate(publishers)
        ]
        said = [share.communicate(timeout=300)[0] for share in shares]
        assert [share.returncode for share in shares] == [0, 0], said
        assert [line.splitlines()[-1] for line in said] == ["20", "20"]
        (shared / "published").touch()
        assert process.communicate(timeout=300)[0] == f"{RUNS}\n"  # nothing lost, twice or altered
