"""The inverse Hessian that L-BFGS carries: a history of pairs (s, y) and the two-loop recursion.

s is a step and y the change of the gradient over it. The state holds, for m members of P parameters
and a history of h: ``steps`` and ``differences`` (m, h, P), newest at slot (``pairs`` - 1) mod h;
``products`` (m, h, h), s_i . y_j by slot, current where j is no older than i; ``pairs`` (m,), how
many there ever were; ``scale`` (m,), s . y / y . y of the newest.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from pinn_core.optimizers.optimizer import State
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import combined, dots, inner

LEAST_CURVATURE = 1e-10
"""Pairs whose y . s is not above this are not kept (torch.optim.LBFGS)."""


def no_pairs(parameters: Float[Tensor, "m p"], history: int) -> State:
    """The part of a state that holds the pairs, empty: H is the identity."""
    members, size = parameters.shape
    rows = parameters.new_zeros(members, history, size)
    return {
        "steps": rows,
        "differences": rows.clone(),
        "products": rows.new_zeros(members, history, history, dtype=torch.float64),
        "pairs": rows.new_zeros(members, dtype=torch.int64),
        "scale": rows.new_ones(members, dtype=torch.float64),
    }


def remember(
    state: State,
    members: Sequence[int],
    steps: Float[Tensor, "k p"],
    differences: Float[Tensor, "k p"],
    backend: str = "auto",
) -> None:
    """Keep the named members' newest pairs, in place of the oldest where the history is full.

    A pair is left out where s . y is not above ``LEAST_CURVATURE``: so is a step of zero.
    """
    found = dots([differences] * 2, [steps, differences], backend).T.tolist()
    history = state["steps"].shape[1]
    for place, (row, (curvature, square)) in enumerate(zip(members, found, strict=True)):
        if not curvature > LEAST_CURVATURE:
            continue
        pairs = int(state["pairs"][row])
        slot, used = pairs % history, min(pairs + 1, history)
        state["steps"][row, slot] = steps[place]
        state["differences"][row, slot] = differences[place]
        older = inner(state["steps"][row, :used], differences[place], backend)
        state["products"][row, :used, slot] = state["products"].new_tensor(older)
        state["scale"][row] = curvature / square
        state["pairs"][row] = pairs + 1


def descent_direction(
    state: State, row: int, gradient: Float[Tensor, " p"], backend: str = "auto"
) -> Float[Tensor, " p"]:
    """-H grad by the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4).

    Both loops are solved for their factors first, as triangular systems in R = (s_i . y_j), i <= j
    (Byrd, Nocedal and Schnabel 1994, theorem 2.2): so they read the pairs in four large operations.
    """
    history, pairs = state["steps"].shape[1], int(state["pairs"][row])
    used = min(pairs, history)
    if not used:
        return -gradient
    steps, differences = state["steps"][row, :used], state["differences"][row, :used]
    order = np.arange(pairs - used, pairs) % history  # slots, the oldest pair first
    slots = np.argsort(order)
    table = state["products"][row].cpu().numpy()[np.ix_(order, order)]

    first = _solved(table, inner(steps, -gradient, backend)[order])
    middle = -gradient - combined(differences, first[slots].tolist())
    middle = middle * state["scale"][row].to(gradient.dtype)
    right = table.diagonal() * first - inner(differences, middle, backend)[order]
    second = _solved(table[::-1, ::-1].T, right[::-1])[::-1]
    return middle + combined(steps, second[slots].tolist())


def _solved(triangle: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of an upper triangular system; not by LAPACK, whose rounding depends on where data lie."""
    solution = right.copy()
    with np.errstate(all="ignore"):
        for last in range(len(right) - 1, -1, -1):
            solution[last] /= triangle[last, last]
            solution[:last] -= triangle[:last, last] * solution[last]
    return solution
