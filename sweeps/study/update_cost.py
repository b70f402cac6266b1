"""What an optimizer's step costs beside the evaluation that every step brings, in operations."""

from pinn_core.engine.stack import Stack
from pinn_core.optimizers import LBFGS, NNCG, Optimizer, Soap, SSBroyden

EVALUATIONS = {"gradient_descent_armijo": 9.0, "lbfgs": 2.1, "nncg": 3.0, "ssbroyden": 2.1}
"""Of a step, those of its line search included, on average; other optimizers make one."""
PRODUCTS = 100
"""Hessian-vector products that Newton-CG makes in a step, if it may; each as two evaluations."""


def evaluations_of(optimizer: Optimizer) -> float:
    """How often a step evaluates loss and gradient, or does what takes as long."""
    if isinstance(optimizer, NNCG):
        return EVALUATIONS["nncg"] + 2.0 * min(optimizer.cg_iterations, PRODUCTS)
    return EVALUATIONS.get(optimizer.kind, 1.0)


def update_flops(optimizer: Optimizer, stack: Stack) -> float:
    """Estimated operations of a step's direction, where it is more than a pass over parameters.

    Two loops over a history of pairs are 8 per pair and parameter, a dense matrix and its update 8
    per entry. A matrix of SOAP is turned into
    its bases and back, and its squares are summed; a new basis is a product and a QR decomposition.
    """
    if isinstance(optimizer, LBFGS):
        return 8.0 * optimizer.history * stack.size
    if isinstance(optimizer, SSBroyden):
        return 8.0 * stack.size**2
    if isinstance(optimizer, Soap):
        shapes = [shape for _, shape in stack.matrices()]
        turns = sum(2.0 * rows * columns * (rows + columns) for rows, columns in shapes)
        bases = sum(5.0 * (rows**3 + columns**3) for rows, columns in shapes)
        return 3 * turns + (2 * turns + bases) / optimizer.update_every
    return 0.0
