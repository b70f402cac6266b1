"""Objectives, one file each: what a model is trained to do."""

from pinn_core.objectives.objective import OBJECTIVES, Batch, Evaluation, Objective, Term
from pinn_core.objectives.pinn import Pinn
from pinn_core.objectives.regression import Regression

__all__ = ["OBJECTIVES", "Batch", "Evaluation", "Objective", "Pinn", "Regression", "Term"]
