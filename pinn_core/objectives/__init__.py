"""Objectives, one file each: what a model is trained to do."""

from pinn_core.objectives.gpinn import GPinn
from pinn_core.objectives.objective import OBJECTIVES, Evaluation, Objective, evaluate
from pinn_core.objectives.pinn import Pinn
from pinn_core.objectives.pseudo_time import PseudoTime
from pinn_core.objectives.regression import Regression
from pinn_core.objectives.term import LossGradient, Term
from pinn_core.parts import import_parts
from pinn_core.samplers import Batch, Batches

import_parts(__name__, __path__)

__all__ = [
    "OBJECTIVES",
    "Batch",
    "Batches",
    "Evaluation",
    "GPinn",
    "LossGradient",
    "Objective",
    "Pinn",
    "PseudoTime",
    "Regression",
    "Term",
    "evaluate",
]
