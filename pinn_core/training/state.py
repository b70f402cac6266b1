"""The state of a pack's training: everything that a checkpoint holds, in one dataclass.

What else a pack has (points, settings, caches) is made from its configurations, seeds and state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pyarrow as pa
from jaxtyping import UInt8

from pinn_core.records.fields import decoded_fields, encoded_fields
from pinn_core.records.trajectory import Trajectory, read_parquet, write_parquet
from pinn_core.tensors import Tensor, torch

Tensors = dict[str, Tensor]
COUNTERS = ("step", "stage", "phase", "phase_start")
"""Fields that are one tensor in a checkpoint."""


@dataclass(kw_only=True)
class State:
    """Where a pack of m members is in its training.

    Every field of tensors declares their ``axis`` of members; None means that they have none and
    stay on the CPU. It is the first axis but in the weights and in what is recorded: a step writes
    a row into every table, which is one contiguous block only if the rows come first. ``steps``
    are those of the whole training, t the loss terms.

    - ``members``: the numbers, in the pack as it began, of those that are still trained.
    - ``ended``: the trajectories of the others, by the same numbers.
    - ``step``: updates made so far. ``stage`` and ``phase`` count from 0; the phase's first update
      is the one that leaves the row ``phase_start``.
    - ``parameters``, ``initial`` (those at the start), ``previous_update``: (m, P).
    - ``optimizer``: what the phase's ``Optimizer.start`` returned, each with a leading m.
    - ``weights``: the loss terms' weights (t, m) in float64.
    - ``weighting``: what ``Weighting.start`` returned, each with a leading m.
    - ``sampler``: what ``Sampler.batches`` keeps, each with a leading m.
    - ``targets``: what each member's condition has as its target (m, n, q), where a stage of the
      curriculum goes on from the networks of the one before; by condition.
    - ``sums``: tables with a row for every step (steps + 1, numbers, m) in float64.
    - ``samples``: tables with a row for every step at which they are due (due steps, m, ...).
    - ``fields``: what is kept for ``Trajectory.fields``, by member, step and name.
    - ``past``: the errors of earlier stages (2, 2, 2, m): on watched points and on the grid; sums
      and their sizes; from the reference and from the exact solution.
    - ``seconds``: wall time of every step per member (steps + 1).
    """

    members: list[int]
    ended: dict[int, Trajectory] = field(default_factory=dict)
    step: int = 0
    stage: int = 0
    phase: int = 0
    phase_start: int = 0
    parameters: Tensor = field(metadata={"axis": 0})
    initial: Tensor = field(metadata={"axis": 0})
    previous_update: Tensor = field(metadata={"axis": 0})
    optimizer: Tensors = field(default_factory=dict, metadata={"axis": 0})
    weights: Tensor = field(metadata={"axis": 1})
    weighting: Tensors = field(default_factory=dict, metadata={"axis": 0})
    sampler: Tensors = field(default_factory=dict, metadata={"axis": 0})
    targets: Tensors = field(default_factory=dict, metadata={"axis": 0})
    sums: Tensors = field(default_factory=dict, metadata={"axis": 2})
    samples: Tensors = field(default_factory=dict, metadata={"axis": 1})
    fields: Tensors = field(default_factory=dict, metadata={"axis": None})
    past: Tensor | None = field(default=None, metadata={"axis": 3})
    seconds: Tensor = field(metadata={"axis": None})

    def select(self, rows: Sequence[int]) -> "State":
        """The state of the members in these rows of the tensors; nothing of theirs changes."""
        index = torch.tensor(list(rows), dtype=torch.int64, device=self.parameters.device)
        selected = {
            name: _each(lambda tensor, axis=axis: tensor.index_select(axis, index), value)
            for name, axis in _axes().items()
            if axis is not None
            for value in [getattr(self, name)]
        }
        return replace(self, members=[self.members[row] for row in rows], **selected)

    def flatten(self) -> Tensors:
        """Everything as tensors by name, for a checkpoint."""
        flat = {
            "counters": torch.tensor([getattr(self, name) for name in COUNTERS]),
            "members": torch.tensor(self.members, dtype=torch.int64),
            **{f"ended/{member}": _encoded(ended) for member, ended in self.ended.items()},
            **{
                f"snapshots/{member}/{step}": torch.from_numpy(parameters)
                for member, ended in self.ended.items()
                for step, parameters in ended.parameters.items()
            },
            **{
                f"ended_fields/{member}": _bytes(encoded_fields(ended.fields, ""))
                for member, ended in self.ended.items()
                if ended.fields
            },
        }
        for name in _axes():
            value = getattr(self, name)
            if isinstance(value, dict):
                flat |= {f"{name}/{key}": tensor for key, tensor in value.items()}
            elif value is not None:
                flat[name] = value
        return flat

    @classmethod
    def unflatten(cls, flat: Mapping[str, Tensor], device: str) -> "State":
        """The state that ``flat`` was made of, with the members' tensors on this device."""
        entries = {
            entry.name: (
                _below(entry.name, flat)
                if entry.type == Tensors
                else flat.get(entry.name)  # no past before the second stage
            )
            for entry in fields(cls)
            if "axis" in entry.metadata
        }
        on_device = {
            name: _each(lambda tensor, to=to: tensor.to(to, copy=True), entries[name])
            for name, axis in _axes().items()
            for to in ["cpu" if axis is None else device]
        }
        return cls(
            members=flat["members"].tolist(),
            ended={int(member): _ended(member, flat) for member in _below("ended", flat)},
            **dict(zip(COUNTERS, flat["counters"].tolist(), strict=True)),
            **on_device,
        )


def _axes() -> dict[str, int | None]:
    """The member axis of every field that holds tensors."""
    return {
        entry.name: entry.metadata["axis"] for entry in fields(State) if "axis" in entry.metadata
    }


def _each(change: Any, value: Tensor | Tensors | None) -> Any:  # noqa: ANN401
    """The change of a field's tensor, or of each of its tensors."""
    if isinstance(value, dict):
        return {name: change(tensor) for name, tensor in value.items()}
    return None if value is None else change(value)


def _below(name: str, flat: Mapping[str, Tensor]) -> Tensors:
    prefix = f"{name}/"
    return {key.removeprefix(prefix): t for key, t in flat.items() if key.startswith(prefix)}


def _encoded(trajectory: Trajectory) -> UInt8[Tensor, " bytes"]:
    """A trajectory as the bytes of its Parquet file."""
    sink = pa.BufferOutputStream()
    write_parquet(trajectory, sink)
    return _bytes(bytes(sink.getvalue()))


def _bytes(content: bytes) -> UInt8[Tensor, " bytes"]:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _ended(member: str, flat: Mapping[str, Tensor]) -> Trajectory:
    """What a member that ended has left."""
    parameters = {int(step): t.numpy() for step, t in _below(f"snapshots/{member}", flat).items()}
    content = flat.get(f"ended_fields/{member}")
    fields = (
        None if content is None else decoded_fields(content.numpy().tobytes(), "", "checkpoint")
    )
    return replace(_decoded(flat[f"ended/{member}"]), parameters=parameters, fields=fields)


def _decoded(content: UInt8[Tensor, " bytes"]) -> Trajectory:
    """The trajectory that ``_encoded`` was given."""
    return read_parquet(pa.BufferReader(content.numpy().tobytes()), "checkpoint")
