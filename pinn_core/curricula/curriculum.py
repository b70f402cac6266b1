"""Curriculum regularisation: from an easy coefficient of the equation to the one that is wanted.

Krishnapriyan, Gholami, Zhe, Kirby, Mahoney, Characterizing possible failure modes in PINNs, NeurIPS
2021, section 4: where a plain PINN fails, the same network reaches the solution if it learns that
of a smaller coefficient first. The paper does not say which coefficients came in between.
"""

from dataclasses import dataclass, fields, replace
from typing import ClassVar

from pinn_core.checks import finite
from pinn_core.curricula.curricula import STAGES, Stages
from pinn_core.objectives import Objective
from pinn_core.parts import UnknownName
from pinn_core.problems import Problem


@STAGES.register("curriculum")
@dataclass(frozen=True, kw_only=True)
class Curriculum(Stages):
    """The phases run for each of ``values`` of ``coefficient``, then for the problem's own value.

    A regression is trained on each stage's own reference.

    When to use: Where the plain training fails at the wanted coefficient and succeeds at a smaller
    one.

        >>> from pinn_core.problems import Convection
        >>> stages = Curriculum(coefficient="beta", values=(10.0, 20.0))
        >>> [stages.problem(Convection(beta=30.0), stage).beta for stage in range(stages.count)]
        [10.0, 20.0, 30.0]
    """

    continues: ClassVar[bool] = False

    coefficient: str = "beta"
    """The option of the problem that changes from stage to stage."""
    values: tuple[float, ...] = (5.0, 10.0, 15.0, 20.0, 25.0)
    """Its values, in order; the problem's own value comes last."""

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("values must hold at least one number, found none")
        finite(**{f"values.{place}": value for place, value in enumerate(self.values)})
        object.__setattr__(self, "values", tuple(map(float, self.values)))

    @property
    def count(self) -> int:
        """One for each value, and one for the problem's own."""
        return len(self.values) + 1

    def check(self, problem: Problem, objective: Objective) -> None:  # noqa: ARG002
        """Refuse coefficients that the problem lacks, values out of range and values met twice."""
        allowed = _coefficients(problem)
        if self.coefficient not in allowed:
            raise UnknownName(f"coefficient of {problem.kind}", self.coefficient, allowed)
        own = float(getattr(problem, self.coefficient))
        values = [*self.values, own]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ValueError(
                f"stages.values must differ from each other and from {self.coefficient} = {own:g} "
                f"of the problem, found {twice:g} twice"
            )
        for stage in range(len(self.values)):
            self.problem(problem, stage)

    def problem(self, problem: Problem, stage: int) -> Problem:
        """The problem with the stage's value, the last with its own."""
        if stage == len(self.values):
            return problem
        value = self.values[stage]
        if _coefficients(problem)[self.coefficient] is int:
            if value != round(value):
                raise ValueError(f"{self.coefficient} must be a whole number, found {value:g}")
            value = round(value)
        changed: Problem = replace(problem, **{self.coefficient: value})  # type: ignore[type-var]
        return changed


def _coefficients(problem: Problem) -> dict[str, object]:
    """The numbers in the equation, with their types."""
    own = {one.name: one.type for one in fields(problem)}  # type: ignore[arg-type]
    return {
        name: kind
        for name, kind in own.items()
        if kind in (int, float) and not name.startswith("points_")
    }
