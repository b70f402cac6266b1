"""Train a pack of runs side by side; knows nothing of where it runs or who asked."""

import platform
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from pinn_core.configuration import Configuration, run_id
from pinn_core.engine import backends
from pinn_core.engine.allocation import keep_freed_memory
from pinn_core.engine.precision import matrix_products
from pinn_core.numerics import numerics
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.checkpoint import Checkpointing
from pinn_core.training.pack import Pack
from pinn_core.training.pruning import Pruning, Rounds

ALIVE_EVERY = 50
"""Steps between two looks at whether any member is still finite."""
LAYOUT = 4
"""Of a checkpoint's tensors; a file of another layout, an older program's, is set aside."""


@dataclass(frozen=True)
class Member:
    """One run of a pack."""

    configuration: Configuration
    seed: int


def train(
    members: Sequence[Member],
    *,
    device: str = "cpu",
    threads: int = 1,
    backend: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    checkpointing: Checkpointing | None = None,
    stop_after: int | None = None,
    pruning: Pruning | None = None,
) -> list[Trajectory]:
    """Train members of one shape together and return their trajectories in the same order.

    On a CPU each trajectory is the same to the bit whatever the pack, the order and ``threads``,
    and whether or not the training was resumed from a checkpoint. ``backend`` is ``auto``,
    ``eager`` or ``native`` (``pinn_core.engine.backends``). ``progress(step, steps)`` is called
    for every step, of several in a row where the backend makes several in one call. ``stop_after``
    ends after so many updates, as if it were the plan's first part; ``pruning`` ends some members
    early and leaves the others' numbers as they would have been. A checkpoint stays until the
    caller has the results in safety and calls ``clear``.
    Raises ``ValueError`` where the members' shapes differ.
    """
    _check(members)
    precision = members[0].configuration.precision
    with _one_thread(device), matrix_products(precision), torch.no_grad():
        pack = _pack_of(members, device, threads, backend)
        identity = _identity(members, device, backend)
        resumed = checkpointing.load(identity) if checkpointing else None
        if resumed:
            pack.restore(resumed)
        rounds = Rounds(pruning, pack) if pruning else None
        last = pack.steps if stop_after is None else min(stop_after, pack.steps)
        step = pack.state.step
        while step < last:
            if step % ALIVE_EVERY == 0 and not pack.alive(step):
                break
            end = pack.reach(step, min(last, step - step % ALIVE_EVERY + ALIVE_EVERY))
            if rounds:
                end = min(end, rounds.reach(step))
                rounds.keep(step)
            checkpoint = checkpointing and _next_due(checkpointing, step, end)
            end = checkpoint or end
            pack.advance(step, end)
            if progress:
                for made in range(step + 1, end):
                    progress(made, last)
            step = end
            if rounds:
                rounds.judge(step - 1)
                if not pack.members:
                    break
            if checkpointing and checkpoint:
                checkpointing.save(identity, step, pack.state.flatten())
            if progress:
                progress(step, last)
        if pack.members:
            pack.end(last)
        return pack.trajectories(last + 1)


def environment(device: str = "cpu", backend: str = "auto") -> dict[str, str]:
    """What the bits of a run depend on besides its configuration and seed.

    The backend is the one that serves where ``backend`` was asked for.
    """
    return {
        "pinn-sweeps": _own_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "backend": backends.identity(backend, device),
        "processor": _processor(device),
    }


def _own_version() -> str:
    """The installed version; of a checkout that is not installed, what its pyproject.toml says."""
    try:
        return version("pinn-sweeps")
    except PackageNotFoundError:
        project = Path(__file__).parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def _check(members: Sequence[Member]) -> None:
    if not members:
        raise ValueError("a pack must have at least one member, found none")
    shapes = {member.configuration.shape_key() for member in members}
    if len(shapes) > 1:
        raise ValueError(f"members of a pack must share shapes, found {len(shapes)} different ones")


def _pack_of(members: Sequence[Member], device: str, threads: int, backend: str) -> Pack:
    configurations = [member.configuration for member in members]
    return Pack(configurations, [member.seed for member in members], device, threads, backend)


def _next_due(checkpointing: Checkpointing, step: int, end: int) -> int | None:
    """The first number of updates after ``step``, ``end`` at most, at which a checkpoint is due."""
    return next((row for row in range(step + 1, end + 1) if checkpointing.due(row)), None)


def _identity(members: Sequence[Member], device: str, backend: str) -> dict[str, object]:
    """What a checkpoint must be of, and hold."""
    runs = [run_id(member.configuration, member.seed) for member in members]
    made_with = environment(device, backend)
    return {
        "runs": runs,
        "environment": made_with,
        "numerics": numerics(members[0].configuration.to_dict(), made_with["backend"]),
        "layout": LAYOUT,
        "parameters": members[0].configuration.record.parameters,
        "fields": [member.configuration.record.fields for member in members],
    }


@contextmanager
def _one_thread(device: str) -> Iterator[None]:
    """Torch's own threads would split sums differently; parallel chunks are ours to order."""
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
        keep_freed_memory()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _processor(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} {sys.byteorder}-endian"
