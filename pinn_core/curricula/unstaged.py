"""One stage: the problem itself."""

from dataclasses import dataclass
from typing import ClassVar

from pinn_core.curricula.curricula import STAGES, Stages
from pinn_core.objectives import Objective
from pinn_core.problems import Problem


@STAGES.register("none")
@dataclass(frozen=True, kw_only=True)
class Unstaged(Stages):
    """The phases run once, on the problem.

    When to use: The default.
    """

    continues: ClassVar[bool] = False

    @property
    def count(self) -> int:
        """One."""
        return 1

    def check(self, problem: Problem, objective: Objective) -> None:
        """Everything serves."""

    def problem(self, problem: Problem, stage: int) -> Problem:  # noqa: ARG002
        """The problem itself."""
        return problem
