"""One stage: the problem itself."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pinn_core.curricula.curricula import STAGES
from pinn_core.objectives import Objective
from pinn_core.problems import Problem


@STAGES.register("none")
@dataclass(frozen=True, kw_only=True)
class Unstaged:
    """The phases run once, on the problem."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    continues: ClassVar[bool] = False
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    @property
    def count(self) -> int:
        """One."""
        return 1

    def check(self, problem: Problem, objective: Objective) -> None:
        """Everything serves."""

    def problem(self, problem: Problem, stage: int) -> Problem:  # noqa: ARG002
        """The problem itself."""
        return problem
