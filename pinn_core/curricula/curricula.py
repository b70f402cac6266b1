"""What stages are: a run's problems in their order, each trained on for all phases."""

from typing import ClassVar, Protocol, runtime_checkable

from pinn_core.objectives import Objective
from pinn_core.problems import Problem
from pinn_core.registry import Registry


@runtime_checkable
class Stages(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters.

    Every stage begins with the parameters that the one before ended with, a new state of the
    optimizer and of the weighting, and runs through all phases. Its losses and errors are those of
    its own problem. All stages have the same coordinates, outputs and conditions.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]
    continues: ClassVar[bool]
    """Whether a stage's solution goes on where the one before ends: conditions with demands
    ``per_member`` are then demanded to be as the networks were, and what is judged are all
    solutions so far together."""

    @property
    def count(self) -> int:
        """How many stages there are, at least one."""

    def check(self, problem: Problem, objective: Objective) -> None:
        """Raise ``ValueError`` where the problem or the objective cannot serve."""

    def problem(self, problem: Problem, stage: int) -> Problem:
        """The problem of a stage (from 0); ``problem`` is the configuration's."""


STAGES: Registry[Stages] = Registry("stages")
