"""What a run leaves of some rows: its parameters, and fields that are made of them."""

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Float
from numpy import ndarray

from pinn_core.configuration import Configuration
from pinn_core.engine.precision import bytes_of
from pinn_core.probes.cadence import NEVER, Cadence
from pinn_core.records.fields import Fields
from pinn_core.records.trajectory import Trajectory
from pinn_core.tensors import Tensor, torch
from pinn_core.training.fields import Field, FieldMaker, field_steps
from pinn_core.training.state import State, Tensors

TABLE = "parameters"


class Snapshots:
    """What ``record.parameters`` and ``record.fields`` ask for; P parameters of each member.

    Those of the last row are the state's when the training ends. Those of every N-th row are kept
    in ``State.samples`` as a table (due steps, m, P). Fields are made at the step, of the members
    that leave any, and kept in ``State.fields``. A run that diverged leaves nothing from the row of
    its divergence on. ``configurations`` are those of all members of the pack as it began, which
    may ask for different fields.
    """

    def __init__(self, configurations: Sequence[Configuration], size: int, device: str) -> None:
        self._configurations = configurations
        self._cadence = _cadence(configurations[0])
        self._size = size
        self._makers = [FieldMaker(one, device) for one in configurations]
        self._shown = [frozenset(field_steps(one)) for one in configurations]
        self._any_shown = sorted(frozenset().union(*self._shown))

    def start(self, rows: int, like: Float[Tensor, "m _"]) -> Tensors:
        """The table of parameters before the first step, if there is to be one."""
        due = len(self._cadence.steps(rows))
        return {TABLE: like.new_zeros(due, len(like), self._size)} if due else {}

    def record(self, state: State, step: int) -> None:
        """Keep what is due of the parameters that the row of this step describes."""
        if self._cadence.due(step):
            table = state.samples[TABLE]
            table[self._cadence.row(step)] = state.parameters[:, : self._size]
        if step in self._any_shown:
            for row, member in enumerate(state.members):
                if step in self._shown[member]:
                    self._keep(state, row, step)

    def _keep(self, state: State, row: int, step: int) -> None:
        member = state.members[row]
        field = self._makers[member].at(step, self._last(state, row))
        for name, table in vars(field).items():
            state.fields[f"{member}/{step}/{name}"] = torch.from_numpy(table)

    def _last(self, state: State, row: int) -> Float[ndarray, " p"]:
        found: ndarray = state.parameters[row, : self._size].cpu().numpy().copy()
        return found

    def next_due(self, step: int) -> int:
        """The first row after this step of which something is kept."""
        shown = next((due for due in self._any_shown if due > step), NEVER)
        return min(self._cadence.next(step), shown)

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
        kept = {
            step: (
                self._last(state, row)
                if step == last
                else state.samples[TABLE][self._cadence.row(step), row].cpu().numpy().copy()
            )
            for step in kept_steps(configuration, last, diverged_at)
        }
        shown = shown_steps(configuration, last, diverged_at)
        return replace(trajectory, parameters=kept, fields=self._fields(state, row, last, shown))

    def _fields(self, state: State, row: int, last: int, steps: Sequence[int]) -> Fields | None:
        if not steps:
            return None
        if steps[-1] == last:
            self._keep(state, row, last)
        member = state.members[row]
        of_steps = {
            step: Field(
                *(state.fields[f"{member}/{step}/{name}"].numpy() for name in Field.__annotations__)
            )
            for step in steps
        }
        return self._makers[member].together(of_steps)


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
    """What a run's parameters take in the store; or in memory, where the last are there anyway."""
    if configuration.record.parameters == "none":
        return 0
    count = len(_cadence(configuration).steps(configuration.steps)) + (not in_memory)
    return count * configuration.size * bytes_of(configuration.precision)


def _cadence(configuration: Configuration) -> Cadence:
    asked = configuration.record.parameters
    return Cadence(asked if isinstance(asked, int) else 0)
