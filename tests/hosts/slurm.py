"""A real Slurm on hosts of their own: a controller, and nodes that run jobs and share a home."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hosts.network import Host, hosts
from tests.sweeps.samples import STUDY

NODES = ("one", "two", "three")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "hostname")

needs_slurm = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="needs Slurm (Debian: apt install slurm-wlm)"
)

CONFIGURATION = """
ClusterName=sample
SlurmctldHost=head({head})
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=/tmp/munge/socket,cred_expire=5
StateSaveLocation=/tmp/slurm/state
SlurmdSpoolDir=/tmp/slurm/spool
SlurmctldPidFile=/tmp/slurm/slurmctld.pid
SlurmdPidFile=/tmp/slurm/slurmd.pid
SlurmctldLogFile=/tmp/slurm/slurmctld.log
SlurmdLogFile=/tmp/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
KillWait=5
SlurmdTimeout=10
SlurmctldParameters=node_reg_mem_percent=1
SlurmdParameters=config_overrides
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP
"""


class Slurm:
    """Its controller, nodes of two cores each, and a folder that all share, the home among it."""

    def __init__(self, there: dict[str, Host], shared: Path) -> None:
        self.head, self.nodes = there["head"], {name: there[name] for name in NODES}
        self.shared = shared
        self.environment = {
            "SLURM_CONF": str(shared / "slurm.conf"),
            "HOME": str(shared / "home"),
            "PINN_SWEEP_RUNS": str(shared / "runs"),
        }

    def start(self) -> None:
        """Start the daemons, and wait until every node takes jobs."""
        addresses = {"head": self.head.address} | {n: h.address for n, h in self.nodes.items()}
        names = "".join(f"{address} {name}\n" for name, address in addresses.items())
        (self.shared / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        key = self.shared / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        nodes = "\n".join(f"NodeName={n} NodeAddr={addresses[n]} CPUs=2" for n in self.nodes)
        text = CONFIGURATION.format(head=self.head.address, nodes=nodes)
        (self.shared / "slurm.conf").write_text(text)
        (self.shared / "home").mkdir()
        for host in (self.head, *self.nodes.values()):
            self._start_daemons(host, "slurmd" if host.name in self.nodes else "slurmctld")
        self.wait_until(lambda: self.ask("sinfo", "-h", "-o", "%T %D").split() == ["idle", "3"])

    def ask(self, *command: str | Path, **environment: str) -> str:
        """What a command of Slurm answers."""
        return self.head.run(*command, **self.environment, **environment)

    def about(self, job: str, name: str) -> str:
        """A field of what Slurm tells of a job, such as its JobState."""
        said = self.ask("scontrol", "-o", "show", "job", job)
        return dict(part.partition("=")[::2] for part in said.split())[name]

    def limit(self, job: str, minutes: int) -> None:
        """Let the job end so many minutes after its start."""
        self.ask("scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}")

    def wait_until(self, true: Callable[[], bool], seconds: float = 600) -> None:
        """Return as soon as the condition holds."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, self._troubles()
            time.sleep(0.5)

    def _start_daemons(self, host: Host, daemon: str) -> None:
        named = self.shared / "hosts"
        key = self.shared / "munge.key"
        script = f"""
        mount --bind {named} /etc/hosts
        mkdir -p /tmp/munge /tmp/slurm/state /tmp/slurm/spool
        munged --force --key-file={key} --socket=/tmp/munge/socket \
          --pid-file=/tmp/munge/pid --log-file=/tmp/munge/log --seed-file=/tmp/munge/seed
        exec unshare --uts sh -c 'hostname {host.name} && exec {daemon}' >/dev/null 2>&1
        """
        host.run("bash", "-euc", script, **self.environment)

    def _troubles(self) -> str:
        logs = [*self.shared.glob("*.log")]
        said = [self.ask("sinfo", "-N", "-l"), self.ask("squeue", "-l")]
        return "\n".join([*said, *(f"{log}:\n{log.read_text()[-6000:]}" for log in logs)])


@contextmanager
def started(folder: Path) -> Iterator[Slurm]:
    """A Slurm without any job; all of it ends with the block."""
    disks, shared = folder / "disks", folder / "shared"
    shared.mkdir()
    (shared / "sample.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch, hosts(("head", *NODES), disks, shared) as there:
        patch.delenv("RAY_AUTH_TOKEN", raising=False)
        for name in [name for name in os.environ if name.startswith("SLURM_")]:
            patch.delenv(name)
        slurm = Slurm(there, shared)
        slurm.start()
        yield slurm
