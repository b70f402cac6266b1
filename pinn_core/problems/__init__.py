"""Partial differential equations to train on, one file each."""

from pinn_core.problems.heat import Heat
from pinn_core.problems.problem import PROBLEMS, Grid, Points, Problem

__all__ = ["PROBLEMS", "Grid", "Heat", "Points", "Problem"]
