"""Train a pack of runs side by side; knows nothing of where it runs or who asked."""

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
from torch import Tensor

from pinn_core import backends
from pinn_core.allocation import keep_freed_memory
from pinn_core.checkpoint import Checkpointing
from pinn_core.configuration import Configuration, run_id
from pinn_core.field import Cloud, Field
from pinn_core.graphs import Graphs
from pinn_core.objectives import Evaluation
from pinn_core.precision import matrix_products
from pinn_core.recording import Recorder
from pinn_core.stack import padded
from pinn_core.trajectory import Trajectory
from pinn_core.unpacking import trajectories

ALIVE_EVERY = 50
"""Steps between two looks at whether any member is still finite."""


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
) -> list[Trajectory]:
    """Train members of one shape together and return their trajectories in the same order.

    On a CPU each trajectory is the same to the bit whatever the pack, the order and ``threads``,
    and whether or not the training was resumed from a checkpoint. ``backend`` is ``auto``,
    ``eager`` or ``native`` (``pinn_core.backends``). ``progress(step, steps)`` is called after
    every step; ``stop_after`` ends after so many updates, as if it were the plan's first part. A
    checkpoint stays until the caller has the results in safety and calls ``clear``.
    Raises ``ValueError`` where the members' shapes differ.
    """
    _check(members)
    precision = members[0].configuration.precision
    with _one_thread(device), matrix_products(precision), torch.no_grad():
        pack = _Pack(members, device, threads, backend)
        resumed = checkpointing.load(pack.identity) if checkpointing else None
        if resumed:
            pack.restore(*resumed)
        last = pack.steps if stop_after is None else min(stop_after, pack.steps)
        for step in range(pack.step, last):
            if step % ALIVE_EVERY == 0 and not pack.alive(step):
                break
            pack.advance(step)
            if checkpointing and checkpointing.due(step + 1):
                checkpointing.save(pack.identity, step + 1, pack.tensors())
            if progress:
                progress(step + 1, last)
        pack.end(last)
        return trajectories(pack.recorder, last + 1)


def environment(device: str = "cpu", backend: str = "auto") -> dict[str, str]:
    """What the bits of a run depend on besides its configuration and seed.

    The backend is the one that serves where ``backend`` was asked for.
    """
    return {
        "pinn-sweeps": version("pinn-sweeps"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "backend": backends.identity(backend, device),
        "processor": _processor(device),
    }


class _Pack:
    """The state of a training: parameters, optimizer state, the last update, the record."""

    def __init__(self, members: Sequence[Member], device: str, threads: int, backend: str) -> None:
        self.members = members
        self.configuration = members[0].configuration
        self.steps = self.configuration.steps
        self.seeds = [member.seed for member in members]
        self.field = Field(
            self.configuration.problem,
            self.configuration.network,
            self.configuration.precision,
            device,
            threads,
            backend,
        )
        self.recorder = Recorder(self.field, self.configuration, len(members))
        self.objective = self.configuration.objective
        self.initial = self._initial()
        self.parameters = self.initial.clone()
        self.previous = torch.zeros_like(self.initial)
        self.weights = self._weights()
        self.weight_table = torch.cat(list(self.weights.values()), dim=1).T.double().contiguous()
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self.graphs = Graphs() if device.startswith("cuda") else None
        self.batch: dict[str, Cloud] = {}
        self.step = 0
        self._enter(0, 0)
        self.state = self.optimizer.start(self.initial)
        self.identity = {
            "runs": [run_id(member.configuration, member.seed) for member in members],
            "environment": environment(device, backend),
        }

    def _initial(self) -> Tensor:
        inputs, outputs = self.field.stack.widths[0], self.field.stack.widths[-1]
        network = self.configuration.network
        rows = [network.initial(inputs, outputs, seed) for seed in self.seeds]
        table = torch.zeros(len(rows), padded(self.field.stack.size), dtype=torch.float64)
        table[:, : self.field.stack.size] = torch.stack(rows)
        return table.to(self.field.device, self.field.dtype)

    def _weights(self) -> dict[str, Tensor]:
        each = [m.configuration.objective.weights(self.field) for m in self.members]
        return {name: self.initial.new_tensor([[w[name]] for w in each]) for name in each[0]}

    def _enter(self, phase: int, step: int) -> None:
        """Make ``phase`` the one whose first update leaves row ``step``."""
        self.phase, self.phase_start = phase, step
        own = [member.configuration.phases[phase] for member in self.members]
        self.optimizer = own[0]
        self.settings = {
            name: self.initial.new_tensor([[getattr(optimizer, name)] for optimizer in own])
            for name in self.optimizer.member_fields
        }

    def advance(self, step: int) -> None:
        """Record the row of this step, and make the update that leaves it."""
        if step - self.phase_start == self.optimizer.steps:
            self._enter(self.phase + 1, step)
            self.state = self.optimizer.start(self.initial)
        self._prepare(step)
        due = self.recorder.due(step)
        if self.graphs:
            start = self.phase_start
            self.graphs.run((self.phase, due), lambda: self._step(due, self.row[0] - start))
        else:
            self._step(due, step - self.phase_start)
        self.recorder.clock(step)

    def end(self, step: int) -> None:
        """Record the last row, which no update leaves."""
        self._prepare(step)
        self._record(self.recorder.due(step), self._evaluation(), None)

    def _prepare(self, step: int) -> None:
        """Bring what differs from step to step to where a graph reads it: the row, the points."""
        self.row.fill_(step)
        for name, cloud in self.objective.batch_at(self.field, self.seeds, step).items():
            rows = self.batch[name].rows if self.graphs and name in self.batch else None
            if rows is not None and cloud.rows is not None:
                rows.copy_(cloud.rows)
            else:
                self.batch[name] = cloud

    def _step(self, due: frozenset[str], now: int | Tensor) -> None:
        evaluation = self._evaluation()
        first, *others = evaluation.terms.items()
        gradient = self.weights[first[0]] * first[1].gradient
        for name, term in others:
            gradient.addcmul_(self.weights[name], term.gradient)
        update = self.optimizer.update(self.settings, self.state, gradient, now, self.field.backend)
        self._record(due, evaluation, (update, self.previous))
        self.parameters += update
        self.previous.copy_(update)

    def _evaluation(self) -> Evaluation:
        batch = {name: cloud.anew() for name, cloud in self.batch.items()}
        return self.objective.evaluate(self.field, self.parameters, batch)

    def _record(
        self, due: frozenset[str], evaluation: Evaluation, update: tuple[Tensor, Tensor] | None
    ) -> None:
        away = self.parameters - self.initial
        self.recorder.state(
            self.row, due, self.parameters, away, evaluation, self.weight_table, update
        )

    def alive(self, step: int) -> bool:
        """Whether any member's loss was finite in the row before this step."""
        return step == 0 or self.recorder.finite(step - 1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs, by name."""
        return {
            "parameters": self.parameters,
            "previous": self.previous,
            "phase": torch.tensor([self.phase, self.phase_start]),
            **{f"record/{name}": table for name, table in self.recorder.state_tensors().items()},
            **{f"state/{name}": tensor for name, tensor in self.state.items()},
        }

    def restore(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Go on where a checkpoint of the same pack was written."""
        device = self.field.device
        self.step = step
        self._enter(*tensors["phase"].tolist())
        self.parameters = tensors["parameters"].to(device)
        self.previous = tensors["previous"].to(device)
        self.state = _named(tensors, "state/", device)
        for name, table in self.recorder.state_tensors().items():
            table.copy_(tensors[f"record/{name}"])


def _named(tensors: dict[str, Tensor], prefix: str, device: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor.to(device)
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _check(members: Sequence[Member]) -> None:
    if not members:
        raise ValueError("a pack must have at least one member, found none")
    shapes = {member.configuration.shape_key() for member in members}
    if len(shapes) > 1:
        raise ValueError(f"members of a pack must share shapes, found {len(shapes)} different ones")


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
