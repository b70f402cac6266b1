"""Sequence to sequence: time is cut in windows, and each is learned after the one before.

Krishnapriyan, Gholami, Zhe, Kirby, Mahoney, Characterizing possible failure modes in PINNs, NeurIPS
2021, section 5: what the network predicts at the end of a window is the initial condition of the
next one. The number of collocation points of all windows together is that of the problem.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pinn_core.checks import at_least
from pinn_core.curricula.curricula import STAGES, Stages
from pinn_core.curricula.window import Window, at_the_start
from pinn_core.objectives import Objective
from pinn_core.problems import Problem


@STAGES.register("marching")
@dataclass(frozen=True, kw_only=True)
class Marching(Stages):
    """The phases run for each of so many ``windows`` of equal length.

    The paper's are of length 0.05 and 0.1 on a time from 0 to 1. A window keeps the conditions on
    its part of the sides; conditions at the first time (value, velocity) become, from the second
    window on, what each member's network was there.

    When to use: For long times, where a network over the whole time finds a wrong solution.
    """

    continues: ClassVar[bool] = True

    windows: int = 10
    """How many parts of equal length the time is cut into."""

    def __post_init__(self) -> None:
        at_least(2, windows=self.windows)

    @property
    def count(self) -> int:
        """The windows."""
        return self.windows

    def check(self, problem: Problem, objective: Objective) -> None:
        """Refuse steady problems, too many windows, points off the grid, and regressions."""
        if "t" not in problem.coordinates:
            raise ValueError(
                f"stages marching needs a problem with the time t among its coordinates: "
                f"{problem.kind} is steady, found {', '.join(problem.coordinates)}"
            )
        if not any(at_the_start(problem).values()):
            raise ValueError(
                f"stages marching needs a condition at the first time: {problem.kind} has none, "
                f"found {', '.join(problem.conditions)}"
            )
        self._check_points(problem)
        if not objective.solves:
            raise ValueError(f"stages marching needs the objective pinn, found {objective.kind}")
        if objective.points != "grid":
            raise ValueError(f"stages marching needs points: grid, found {objective.points}")

    def _check_points(self, problem: Problem) -> None:
        along_time = problem.time_points
        levels = getattr(problem, along_time)
        if self.windows > levels - 1:
            raise ValueError(
                f"stages.windows must be at most {levels - 1}, a time level of the grid for each "
                f"(problem.{along_time} is {levels}), found {self.windows}"
            )
        points = problem.interior_points
        if not isinstance(points, str) and points < self.windows:
            raise ValueError(
                f"stages.windows must be at most {points}, a collocation point for each "
                f"(problem.interior_points), found {self.windows}"
            )

    def problem(self, problem: Problem, stage: int) -> Problem:
        """The problem on the stage's window."""
        time = problem.coordinates.index("t")
        edges = np.linspace(problem.domain.low[time], problem.domain.high[time], self.windows + 1)
        points = problem.interior_points
        if not isinstance(points, str):
            points = points * (stage + 1) // self.windows - points * stage // self.windows
        return Window(problem, float(edges[stage]), float(edges[stage + 1]), points)
