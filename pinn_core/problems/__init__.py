"""Partial differential equations to train on, one file each."""

from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.hard import Hard
from pinn_core.problems.heat import Heat
from pinn_core.problems.problem import PROBLEMS, Grid, Points, Problem

__all__ = [
    "PROBLEMS",
    "Box",
    "Condition",
    "Conditions",
    "Grid",
    "Hard",
    "Heat",
    "Points",
    "Problem",
    "Segment",
]
