"""What stages are: a run's problems in their order, each trained on for all phases."""

from abc import abstractmethod
from typing import ClassVar

from pinn_core.objectives import Objective
from pinn_core.parts import Family, Part
from pinn_core.problems import Problem


class Stages(Part):
    """The base of all stages: a frozen dataclass whose fields are their hyperparameters.

    Every stage begins with the parameters that the one before ended with, a new state of the
    optimizer and of the weighting, and runs through all phases. Its losses and errors are those of
    its own problem. All stages have the same coordinates, outputs and conditions.
    """

    continues: ClassVar[bool] = False
    """Whether a stage's solution goes on where the one before ends: conditions with demands
    ``per_member`` are then demanded to be as the networks were, and what is judged are all
    solutions so far together."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many stages there are, at least one."""

    def check(self, problem: Problem, objective: Objective) -> None:  # noqa: ARG002
        """Raise ``ValueError`` where the problem or the objective cannot serve."""
        return

    @abstractmethod
    def problem(self, problem: Problem, stage: int) -> Problem:
        """The problem of a stage (from 0); ``problem`` is the configuration's."""


STAGES: Family[type[Stages]] = Family("stages", Stages, "stages")
