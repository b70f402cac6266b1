"""Hosts of their own on one machine: each its network, processes, /tmp, home and shared memory.

They are network namespaces on a bridge. One folder lies at the same path on all of them, as a
network file system would.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from pinn_core.engine.backends.build import cache_folder
from tests.processes import running

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PRIVATE = (Path("/tmp"), Path.home())
"""Folders that every host has for itself."""

STAY = "echo ready\nsleep infinity & wait"

needs_hosts = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter", "setpriv"))),
    reason="hosts of their own need root and the commands ip, unshare, nsenter and setpriv",
)


class Host:
    """One of them; ``address`` is its IP address."""

    def __init__(self, name: str, address: str, first: int, switch: int) -> None:
        self.name, self.address = name, address
        self._first, self._switch = first, switch

    def running(
        self, *command: str | Path, **environment: str
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        """A command there, with stderr among stdout; it is killed if the block ends first."""
        named = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | environment
        return running([*self.enter, *command], env=named)

    def run(self, *command: str | Path, seconds: float = 300, **environment: str) -> str:
        """What a command says that has to succeed."""
        code, said = self.ask(*command, seconds=seconds, **environment)
        assert code == 0, f"{self.name}: {shlex.join(map(str, command))}: exit code {code}\n{said}"
        return said

    def ask(
        self, *command: str | Path, seconds: float = 300, **environment: str
    ) -> tuple[int, str]:
        """Exit code of a command and what it said."""
        with self.running(*command, **environment) as process:
            try:
                said, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired as late:
                raise AssertionError(f"{self.name}: no end after {seconds} s: {command}") from late
        return process.returncode, said

    def cut_off(self) -> None:
        """Unplug its network; its processes go on."""
        _call(self._switch, f"ip link set {self.name} down")

    def kill(self) -> None:
        """Switch it off: all its processes are gone at once."""
        os.kill(self._first, signal.SIGKILL)

    @property
    def enter(self) -> list[str]:
        """What makes a command run there."""
        return ["nsenter", f"--target={self._first}", "--mount", "--pid", "--net", f"--wd={ROOT}"]


@contextmanager
def hosts(names: Sequence[str], disks: Path, shared: Path) -> Iterator[dict[str, Host]]:
    """Hosts by name, gone afterwards with all that runs on them; ``disks`` holds their folders.

    Namespaces have no names of their own, so that all ends with this process, however it ends.
    """
    with ExitStack() as stack:
        switch = stack.enter_context(_space("ip link add bridge up type bridge"))
        yield {
            name: stack.enter_context(_host(name, f"10.77.0.{number}", switch, disks, shared))
            for number, name in enumerate(names, start=1)
        }


@contextmanager
def _host(name: str, address: str, switch: int, disks: Path, shared: Path) -> Iterator[Host]:
    with _space(_mounts(disks / name, shared), "--mount", "--mount-proc") as space:
        _call(switch, f"ip link add {name} type veth peer name eth0 netns {space}")
        _call(switch, f"ip link set {name} master bridge up")
        for order in (
            f"address add {address}/24 dev eth0",
            "link set lo up",
            "link set eth0 up",
            "route add default via 10.77.0.254",  # nobody: Ray asks the way out for its address
        ):
            _call(space, f"ip {order}")
        yield Host(name, address, space, switch)


@contextmanager
def _space(script: str, *kinds: str) -> Iterator[int]:
    """Namespaces and their first process, which runs a script and stays to collect the dead."""
    unshare = ("unshare", "--net", "--pid", *kinds, "--fork", "--kill-child")  # all ends with it
    holder = subprocess.Popen(
        ["setpriv", "--pdeathsig=KILL", *unshare, "bash", "-euc", f"{script}\n{STAY}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n", "no namespaces: see above"
        yield int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text())
    finally:
        holder.kill()
        holder.wait(30)
        if holder.stdout:
            holder.stdout.close()


def _mounts(disk: Path, shared: Path) -> str:
    """Commands that mount what a host has for itself, and keep what all have."""
    kept = {ROOT, Path(sys.prefix), Path(sys.base_prefix), cache_folder(), shared}
    own = {private: disk / private.name for private in PRIVATE}
    binds = [
        ("--bind", path, own[private] / path.relative_to(private))
        for path in sorted(kept)
        for private in filter(path.is_relative_to, PRIVATE)
    ]
    hiding_last = sorted(PRIVATE, key=disk.is_relative_to)
    binds += [("--rbind", own[private], private) for private in hiding_last]
    for _, source, target in binds:
        source.mkdir(parents=True, exist_ok=True)
        target.mkdir(parents=True, exist_ok=True)
    lines = [shlex.join(["mount", how, str(source), str(target)]) for how, source, target in binds]
    return "\n".join(["mount -t tmpfs tmpfs /dev/shm", *lines])


def _call(space: int, command: str) -> None:
    """Run a command in the network of a process; its last words if it fails."""
    enter = ["nsenter", f"--target={space}", "--net", *command.split()]
    done = subprocess.run(enter, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.strip()}"
