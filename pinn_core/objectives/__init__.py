"""Objectives, one file each: what a model is trained to do."""

from pinn_core.objectives.objective import OBJECTIVES, Batch, Batches, Evaluation, Objective
from pinn_core.objectives.pinn import Pinn
from pinn_core.objectives.regression import Regression
from pinn_core.objectives.terms import Term

__all__ = [
    "OBJECTIVES",
    "Batch",
    "Batches",
    "Evaluation",
    "Objective",
    "Pinn",
    "Regression",
    "Term",
]
