"""``ray up`` of the on-premise file, over SSH, on hosts of their own."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY
from tests.hosts.network import BIN, Host, hosts, needs_hosts
from tests.sweeps.samples import STUDY

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.timeout(900),
    needs_hosts,
    pytest.mark.skipif(
        SSHD is None or not shutil.which("rsync"),
        reason="needs sshd and rsync (Debian: apt install openssh-server rsync)",
    ),
]

WORKERS = ("one", "two")
LAUNCHER = {"RAY_UP_enable_autoscaler_v2": "0"}
"""As docs/cluster.md has it."""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Host]]:
    """Hosts with an SSH server, into which the head's key opens the door."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):  # the token is a file here, as for a person
        monkeypatch.delenv(name)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "sample.yaml").write_text(STUDY)
    names = ("head", *WORKERS)
    with hosts(names, tmp_path / "disks", tmp_path / "shared") as found, ExitStack() as stack:
        for host in found.values():
            _serve(host, stack)
        _open_doors(found)
        yield found


def _serve(host: Host, stack: ExitStack) -> None:
    """Start its SSH server, whose sessions find our programs as on a machine of one's own."""
    key, settings = "/tmp/host_key", ("UsePAM=no", "StrictModes=no", "PermitRootLogin=yes")
    host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    told = [f"-o{one}" for one in (*settings, f"SetEnv=PATH={BIN}:{os.environ['PATH']}")]
    host.run("mkdir", "-p", "/run/sshd")
    stack.enter_context(host.running(str(SSHD), "-D", "-e", "-h", key, *told))


def _open_doors(found: dict[str, Host]) -> None:
    head = found["head"]
    head.run("sh", "-c", "mkdir -m 700 ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519")
    public = shlex.quote(head.run("sh", "-c", "cat ~/.ssh/id_ed25519.pub").strip())
    for host in found.values():
        host.run("sh", "-c", f"mkdir -p -m 700 ~/.ssh; echo {public} >> ~/.ssh/authorized_keys")
        host.run("sh", "-c", f"echo export PATH={BIN}:'$PATH' >> ~/.bashrc")


def test_ray_up_makes_a_cluster_on_which_a_study_runs(
    there: dict[str, Host], tmp_path: Path
) -> None:
    head, shared = there["head"], tmp_path / "shared"
    text = (DEPLOY / "on-premise" / "local-provider.yaml").read_text()
    workers = ", ".join(there[name].address for name in WORKERS)
    for name, value in {
        "HEAD-ADDRESS": head.address,
        "WORKER-ADDRESS-1, WORKER-ADDRESS-2": workers,
        "USER": "root",
    }.items():
        assert name in text
        text = text.replace(name, value)
    file = shared / "cluster.yaml"
    file.write_text(text)

    head.run("sh", "-c", "ray get-auth-token --generate && chmod 600 ~/.ray/auth_token")
    head.run("ray", "up", "--yes", "--no-config-cache", str(file), seconds=300, **LAUNCHER)
    words = (str(shared / "sample.yaml"), f"--runs-dir={shared / 'runs'}", "rerun.seeds=1")
    coming = ("resources.slots=2", f"--address={head.address}:6379")  # its workers join by and by
    said = head.run("pinn-sweep", "run", *words, *coming, seconds=500)
    assert said.splitlines()[-1].startswith("next:")
    head.run("ray", "down", "--yes", str(file), seconds=200, **LAUNCHER)
