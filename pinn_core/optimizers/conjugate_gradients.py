"""Preconditioned conjugate gradients for several members at once (Hestenes and Stiefel 1952).

Golub and Van Loan 2013, algorithm 11.5.1. Who is done costs no more products.
"""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

from jaxtyping import Float

from pinn_core.tensors import Tensor, no_grad
from pinn_core.vectors.rows import dots

Apply = Callable[[Tensor, list[int]], Tensor]
"""From vectors (j, P) of the named members to their images."""


class Solved(NamedTuple):
    """What was found, and the products with the matrix that each member took."""

    solution: Float[Tensor, "k p"]
    products: list[int]


@no_grad
def conjugate_gradients(
    matrix: Apply,
    right: Float[Tensor, "k p"],
    start: Float[Tensor, "k p"],
    precondition: Apply,
    *,
    tolerance: float,
    most: int,
    backend: str = "auto",
) -> Solved:
    """Solve ``matrix`` x = ``right`` for every member, from ``start``.

    A member is done where its residual's length is at most ``tolerance``, after ``most``
    iterations, or where the matrix turns out not to be positive definite, with what it has.
    """
    everyone = list(range(len(right)))
    solution, residual = start.clone(), right - matrix(start, everyone)
    direction = precondition(residual, everyone)
    left = _left(residual, everyone, tolerance, backend)
    heights = dots([residual], [direction], backend)[0].tolist()
    counts = [1] * len(right)
    while left and max(counts) <= most:
        own = direction[left]
        image = matrix(own, left)
        bends = dots([own], [image], backend)[0].tolist()
        for member in left:
            counts[member] += 1
        good = [place for place, bend in enumerate(bends) if 0 < bend < float("inf")]
        left = [left[place] for place in good]
        steps = [heights[member] / bends[place] for member, place in zip(left, good, strict=True)]
        solution[left] += _times(steps, own[good])
        residual[left] -= _times(steps, image[good])
        left = _left(residual, left, tolerance, backend)
        if not left:
            break
        ready = precondition(residual[left], left)
        higher = dots([residual[left]], [ready], backend)[0].tolist()
        ratios = [new / heights[member] for new, member in zip(higher, left, strict=True)]
        direction[left] = ready + _times(ratios, direction[left])
        for member, height in zip(left, higher, strict=True):
            heights[member] = height
    return Solved(solution, counts)


def _left(residual: Tensor, members: list[int], tolerance: float, backend: str) -> list[int]:
    """Whose residual is above the tolerance."""
    own = residual[members]
    if not members:
        return []
    squares = dots([own], [own], backend)[0].tolist()
    return [m for m, square in zip(members, squares, strict=True) if sqrt(square) > tolerance]


def _times(factors: list[float], rows: Tensor) -> Tensor:
    return rows.new_tensor(factors)[:, None] * rows
