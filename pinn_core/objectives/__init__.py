"""Objectives, one file each: what a model is trained to do."""

from pinn_core.objectives.objective import OBJECTIVES, Evaluation, Objective, evaluate
from pinn_core.objectives.pinn import Pinn
from pinn_core.objectives.regression import Regression
from pinn_core.objectives.terms import LossGradient, Term
from pinn_core.samplers import Batch, Batches

__all__ = [
    "OBJECTIVES",
    "Batch",
    "Batches",
    "Evaluation",
    "LossGradient",
    "Objective",
    "Pinn",
    "Regression",
    "Term",
    "evaluate",
]
