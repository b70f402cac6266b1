"""The parameters that a run leaves: those of its last row and, where it is asked, of every N-th."""

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Float

from pinn_core.configuration import Configuration
from pinn_core.engine.precision import bytes_of
from pinn_core.probes.cadence import Cadence
from pinn_core.records.trajectory import Trajectory
from pinn_core.tensors import Tensor
from pinn_core.training.state import State, Tensors

TABLE = "parameters"


class Snapshots:
    """What ``record.parameters`` asks for; P trained parameters of each member.

    Those of the last row are the state's when the training ends. Those of every N-th row are kept
    in ``State.samples`` as a table (due steps, m, P). A run that diverged leaves none from the row
    of its divergence on.
    """

    def __init__(self, configuration: Configuration, size: int) -> None:
        self._configuration = configuration
        self._cadence = _cadence(configuration)
        self._size = size

    def start(self, rows: int, like: Float[Tensor, "m _"]) -> Tensors:
        """The table before the first step, if there is to be one."""
        due = len(self._cadence.steps(rows))
        return {TABLE: like.new_zeros(due, len(like), self._size)} if due else {}

    def record(self, samples: Tensors, step: int, parameters: Float[Tensor, "m _"]) -> None:
        """Keep the parameters that the row of this step describes, if that is due."""
        if self._cadence.due(step):
            samples[TABLE][self._cadence.row(step)] = parameters[:, : self._size]

    def next_due(self, step: int) -> int:
        """The first row after this step whose parameters are kept."""
        return self._cadence.next(step)

    def attached(
        self, trajectories: Sequence[Trajectory], state: State, rows: Sequence[int]
    ) -> list[Trajectory]:
        """The trajectories of the members in these rows of the state, with their parameters.

        The state's parameters are those of the trajectories' last row.
        """
        return [
            self._attached(trajectory, state, row)
            for trajectory, row in zip(trajectories, rows, strict=True)
        ]

    def _attached(self, trajectory: Trajectory, state: State, row: int) -> Trajectory:
        last = trajectory.table.num_rows - 1
        kept = {}
        for step in kept_steps(self._configuration, last, trajectory.diverged_at):
            in_table = step < last
            table = state.samples[TABLE][self._cadence.row(step)] if in_table else state.parameters
            kept[step] = table[row, : self._size].cpu().numpy().copy()
        return replace(trajectory, parameters=kept)


def kept_steps(configuration: Configuration, last: int, diverged_at: int | None) -> list[int]:
    """The steps of which a run with the rows 0 to ``last`` leaves its parameters."""
    if configuration.record.parameters == "none":
        return []
    steps = [*_cadence(configuration).steps(last), last]
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
