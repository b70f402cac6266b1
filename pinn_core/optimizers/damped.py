"""Damped linear least squares of several members: minimise |r + J s|^2 + damping |s|^2.

Every system is made of residuals r (k, n) and a Jacobian J (k, n, p) once, and solved for several
dampings, in float64. The ways differ in what rounding does to them: the normal equations square the
condition of J, the other two do not.
"""

from abc import ABC, abstractmethod
from typing import Literal

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch

Solver = Literal["cholesky", "qr", "svd"]

BLOCKS = 4
"""Of a Gram matrix's columns: above the diagonal there are 10 of 16 blocks."""


class DampedSystem(ABC):
    """What a step is found with.

    ``residuals`` (k, n) are r, ``gradient`` (k, p) is J^T r, half that of |r|^2; ``largest`` (k) is
    the largest entry on the diagonal of J^T J.
    """

    def __init__(self, residuals: Float[Tensor, "k n"], jacobian: Float[Tensor, "k n p"]) -> None:
        self.residuals, self._jacobian = residuals.double(), jacobian.double()
        self.gradient = _times(self._jacobian.mT, self.residuals)
        self.largest = self._jacobian.square().sum(1).amax(1)
        self._few = jacobian.shape[1] < jacobian.shape[2]

        self._factor: Tensor | None = None

    @abstractmethod
    def step(self, damping: Float[Tensor, " k"]) -> Float[Tensor, "k p"]:
        """The minimiser s; NaN where the matrix with this damping proves not to be positive."""

    def correction(self, residuals: Float[Tensor, "k n"]) -> Float[Tensor, "k p"]:
        """The minimiser for other residuals with the last step's damping, by normal equations.

        Raises ``RuntimeError`` before the first step.
        """
        if self._factor is None:
            raise RuntimeError("a correction follows a step")
        own = residuals.double()
        right = own if self._few else _times(self._jacobian.mT, own)
        solved = -torch.cholesky_solve(right[..., None], self._factor, upper=True)[..., 0]
        return _times(self._jacobian.mT, solved) if self._few else solved

    def product(self, vector: Float[Tensor, "k p"]) -> Float[Tensor, "k n"]:
        """J times a vector."""
        return _times(self._jacobian, vector)


class NormalEquations(DampedSystem):
    """By Cholesky's factor of J^T J + damping, or of J J^T + damping where n < p (Woodbury)."""

    def __init__(self, residuals: Float[Tensor, "k n"], jacobian: Float[Tensor, "k n p"]) -> None:
        super().__init__(residuals, jacobian)
        self._gram = _gram(self._jacobian.mT if self._few else self._jacobian)

    def step(self, damping: Float[Tensor, " k"]) -> Float[Tensor, "k p"]:
        """-(J^T J + damping)^-1 J^T r, or the same as -J^T (J J^T + damping)^-1 r."""
        matrix = self._gram.clone()
        matrix.diagonal(dim1=1, dim2=2).add_(damping[:, None])
        self._factor, failed = torch.linalg.cholesky_ex(matrix, upper=True)
        found = self.correction(self.residuals)
        found[failed > 0] = torch.nan
        return found


class Triangles(DampedSystem):
    """By a QR decomposition of J with sqrt(damping) I below.

    J is made a triangle once; with n < p the rows of sqrt(damping) I stand below J^T, and the step
    is the shortest one that solves what stands there.
    """

    def __init__(self, residuals: Float[Tensor, "k n"], jacobian: Float[Tensor, "k n p"]) -> None:
        super().__init__(residuals, jacobian)
        if not self._few:
            self._triangle, self._right = _triangle(self._jacobian, self.residuals)

    def step(self, damping: Float[Tensor, " k"]) -> Float[Tensor, "k p"]:
        """The minimiser, by a triangle of its own for every damping."""
        root = damping.sqrt()[:, None, None]
        if self._few:
            return self._shortest(root)
        below = root * self._identity(-1)
        nothing = torch.zeros_like(below[..., 0])
        upper, right = _triangle(
            torch.cat([self._triangle, below], dim=1), torch.cat([self._right, nothing], dim=1)
        )
        self._factor = upper.contiguous()
        solved: Tensor = torch.linalg.solve_triangular(upper, -right[..., None], upper=True)
        return solved[..., 0]

    def _shortest(self, root: Float[Tensor, "k 1 1"]) -> Float[Tensor, "k p"]:
        """Of all (s, w) with J s + root w = -r the shortest, and of that the s."""
        table = torch.cat([self._jacobian.mT, root * self._identity(-2)], dim=1)
        basis, upper = torch.linalg.qr(table)
        self._factor = upper
        right = -self.residuals[..., None]
        solved: Tensor = torch.linalg.solve_triangular(upper.mT, right, upper=False)
        return _times(basis[:, : self._jacobian.shape[2]], solved[..., 0])

    def _identity(self, axis: int) -> Float[Tensor, "1 _ _"]:
        size, like = self._jacobian.shape[axis], self._jacobian
        return torch.eye(size, dtype=like.dtype, device=like.device)[None]


class SingularValues(DampedSystem):
    """By J's singular values s_i, once for all dampings: every direction times s / (s^2 + d)."""

    def __init__(self, residuals: Float[Tensor, "k n"], jacobian: Float[Tensor, "k n p"]) -> None:
        super().__init__(residuals, jacobian)
        table, right = self._jacobian, self.residuals
        if not self._few:
            table, right = _triangle(table, right)
        left, self._values, self._directions = torch.linalg.svd(table, full_matrices=False)
        self._along = _times(left.mT, right)

    def step(self, damping: Float[Tensor, " k"]) -> Float[Tensor, "k p"]:
        """-V s / (s^2 + damping) U^T r."""
        self._divisors = self._values.square() + damping[:, None]
        return -_times(self._directions.mT, self._values / self._divisors * self._along)

    def correction(self, residuals: Float[Tensor, "k n"]) -> Float[Tensor, "k p"]:
        """-V (s^2 + damping)^-1 V^T J^T r."""
        along = _times(self._directions, _times(self._jacobian.mT, residuals.double()))
        return -_times(self._directions.mT, along / self._divisors)


SYSTEMS: dict[Solver, type[DampedSystem]] = {
    "cholesky": NormalEquations,
    "qr": Triangles,
    "svd": SingularValues,
}


def flops(solver: Solver, rows: int, size: int, dampings: float) -> float:
    """Operations of a system and its steps for so many dampings; estimates.

    A product, a QR decomposition and Cholesky's factor as in Golub and Van Loan; a singular value
    decomposition as 20 n^3 of its smaller side n.
    """
    short, long = min(rows, size), max(rows, size)
    if solver == "cholesky":
        product = 2.0 * short**2 * long * (BLOCKS + 1) / (2 * BLOCKS)
        return product + dampings * short**3 / 3
    triangle = 2.0 * short**2 * (long - short / 3)
    if solver == "svd":
        return triangle + 20.0 * short**3
    each = 2.0 * short**2 * (long + short) if rows < size else 10.0 / 3 * size**3
    return triangle + dampings * each


def _gram(table: Float[Tensor, "k n p"]) -> Float[Tensor, "k p p"]:
    """The upper triangle of table^T table, and of what lies below it some."""
    size = table.shape[2]
    width = -(-size // BLOCKS)
    found = table.new_zeros(len(table), size, size)
    for at in range(0, size, width):
        found[:, at : at + width, at:] = table[:, :, at : at + width].mT @ table[:, :, at:]
    return found


def _triangle(
    table: Float[Tensor, "k n p"], right: Float[Tensor, "k n"]
) -> tuple[Float[Tensor, "k p p"], Float[Tensor, "k p"]]:
    """R of a QR decomposition of the table (n >= p), and Q^T times the right side."""
    size = table.shape[2]
    upper = torch.linalg.qr(torch.cat([table, right[..., None]], dim=2), mode="r").R
    return upper[:, :size, :size], upper[:, :size, size]


def _times(table: Float[Tensor, "k a b"], vector: Float[Tensor, "k b"]) -> Float[Tensor, "k a"]:
    return (table @ vector[..., None])[..., 0]
