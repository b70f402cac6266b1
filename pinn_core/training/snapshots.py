"""What a run leaves of its parameters: those of some rows, and the fields that others have."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from jaxtyping import Float
from numpy import ndarray

from pinn_core.configuration import Configuration
from pinn_core.engine.precision import bytes_of
from pinn_core.probes.cadence import NEVER, Cadence
from pinn_core.records.trajectory import Trajectory
from pinn_core.tensors import Tensor
from pinn_core.training.fields import field_steps, fields_of
from pinn_core.training.state import State, Tensors

TABLE = "parameters"
FOR_FIELDS = "fields"


class Snapshots:
    """What ``record.parameters`` and ``record.fields`` ask for; P parameters of each member.

    Those of the last row are the state's when the training ends. Those of every N-th row are kept
    in ``State.samples`` as a table (due steps, m, P), those of which there are to be fields in
    another: fields are made of them when a member's training is over. A run that diverged leaves
    nothing from the row of its divergence on. ``configurations`` are those of all members of the
    pack as it began, which may ask for different fields.
    """

    def __init__(self, configurations: Sequence[Configuration], size: int, device: str) -> None:
        self._configurations = configurations
        self._cadence = _cadence(configurations[0])
        steps = sorted({step for one in configurations for step in field_steps(one)})
        self._rows = {step: row for row, step in enumerate(steps)}
        self._size, self._device = size, device

    def start(self, rows: int, like: Float[Tensor, "m _"]) -> Tensors:
        """The tables before the first step, those that there are to be."""
        counts = {TABLE: len(self._cadence.steps(rows)), FOR_FIELDS: len(self._rows)}
        return {
            name: like.new_zeros(count, len(like), self._size)
            for name, count in counts.items()
            if count
        }

    def record(self, samples: Tensors, step: int, parameters: Float[Tensor, "m _"]) -> None:
        """Keep the parameters that the row of this step describes, if that is due."""
        if self._cadence.due(step):
            samples[TABLE][self._cadence.row(step)] = parameters[:, : self._size]
        if step in self._rows:
            samples[FOR_FIELDS][self._rows[step]] = parameters[:, : self._size]

    def next_due(self, step: int) -> int:
        """The first row after this step whose parameters are kept."""
        for_fields = next((due for due in self._rows if due > step), NEVER)
        return min(self._cadence.next(step), for_fields)

    def attached(
        self, trajectories: Sequence[Trajectory], state: State, rows: Sequence[int]
    ) -> list[Trajectory]:
        """The trajectories of the members in these rows of the state, with what they leave.

        The state's parameters are those of the trajectories' last row.
        """
        return [
            self._attached(trajectory, state, row)
            for trajectory, row in zip(trajectories, rows, strict=True)
        ]

    def _attached(self, trajectory: Trajectory, state: State, row: int) -> Trajectory:
        configuration = self._configurations[state.members[row]]
        last, diverged_at = trajectory.table.num_rows - 1, trajectory.diverged_at

        def of(steps: Sequence[int], table: str, place: Callable[[int], int]) -> dict[int, ndarray]:
            tables = {
                step: state.samples[table][place(step)] if step < last else state.parameters
                for step in steps
            }
            return {
                step: each[row, : self._size].cpu().numpy().copy() for step, each in tables.items()
            }

        kept = kept_steps(configuration, last, diverged_at)
        shown = shown_steps(configuration, last, diverged_at)
        return replace(
            trajectory,
            parameters=of(kept, TABLE, self._cadence.row),
            fields=fields_of(
                configuration, of(shown, FOR_FIELDS, self._rows.__getitem__), self._device
            ),
        )


def kept_steps(configuration: Configuration, last: int, diverged_at: int | None) -> list[int]:
    """The steps of which a run with the rows 0 to ``last`` leaves its parameters."""
    if configuration.record.parameters == "none":
        return []
    return _sound([*_cadence(configuration).steps(last), last], diverged_at)


def shown_steps(configuration: Configuration, last: int, diverged_at: int | None) -> list[int]:
    """The steps of which a run with the rows 0 to ``last`` leaves fields."""
    steps = field_steps(configuration)
    return _sound(
        [*(step for step in steps if step < last), *([last] if steps else [])], diverged_at
    )


def _sound(steps: list[int], diverged_at: int | None) -> list[int]:
    return [step for step in steps if diverged_at is None or step < diverged_at]


def snapshot_bytes(configuration: Configuration, *, in_memory: bool = False) -> int:
    """What a run's parameters take in the store; or in memory, where the last are there anyway.

    In memory are also those of the steps that fields are to be made of.
    """
    kept = configuration.record.parameters != "none"
    count = len(_cadence(configuration).steps(configuration.steps)) + (kept and not in_memory)
    count += len(field_steps(configuration)) * in_memory
    size = configuration.network.parametrization_of(configuration.stack()).size
    return count * size * bytes_of(configuration.precision)


def _cadence(configuration: Configuration) -> Cadence:
    asked = configuration.record.parameters
    return Cadence(asked if isinstance(asked, int) else 0)
