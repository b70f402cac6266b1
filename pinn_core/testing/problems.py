"""Problems: their grids, conditions and residuals."""

from __future__ import annotations

from pinn_core.problems import Problem
from pinn_core.problems.promises import BrokenPromise, check_promises
from pinn_core.testing.said import ContractBroken


def check_problem(problem: Problem) -> None:
    """Shapes, finite numbers, points on every segment, and a residual by member and point."""
    try:
        check_promises(problem)
    except BrokenPromise as error:
        raise ContractBroken(str(error)) from error
