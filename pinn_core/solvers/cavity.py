"""The steady flow in a square cavity whose lid slides, by finite differences.

With the stream function psi (u = psi_y, v = -psi_x) and the vorticity w = -(psi_xx + psi_yy),

    psi_y w_x - psi_x w_y = (w_xx + w_yy) / Re,

psi = 0 on all walls, the lid y = 1 sliding at speed 1. Central differences of second order; at a
wall Woods's formula (Aeronautical Quarterly 5, 1954), w_0 = -3 psi_1 / h^2 - w_1 / 2 - 3 U / h.
Newton's method takes the place of marching in pseudo-time: the steady state is the same.
"""

from __future__ import annotations

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

POINTS = 129
"""Grid points per axis (Ghia, Ghia and Shin 1982)."""
TOLERANCE = 1e-8
"""Largest change of psi at which Newton's method stops: the next would be its square."""
ITERATIONS = 20
"""Newton steps after which a Reynolds number is given up."""


def stream_function(re: float, n: int = POINTS) -> Float[ndarray, "n n"]:
    """The stream function at n x n points, indexed [x, y].

    Newton's method starts from rest, from where it converges up to Re = 400.

    Raises:
        ArithmeticError: if it does not.
    """
    equations = _Equations(n)
    state = np.zeros(2 * (n - 2) ** 2)
    for _ in range(ITERATIONS):
        residual, jacobian = equations.linearised(state, re)
        step = scipy.sparse.linalg.splu(jacobian).solve(residual)
        state = state - step
        if abs(step[: len(step) // 2]).max() < TOLERANCE:
            return np.pad(state[: len(step) // 2].reshape(n - 2, n - 2), 1)
    raise ArithmeticError(f"no steady flow at Re = {re} after {ITERATIONS} Newton steps")


def extrapolated_stream_function(re: float, n: int = POINTS) -> Float[ndarray, "n n"]:
    """The stream function with the error of second order taken out (Richardson).

    The other grid has every second point; ``n`` is odd. Near the lid's corners, where the vorticity
    is unbounded, only half of the error goes.
    """
    fine = stream_function(re, n)
    correction = (fine[::2, ::2] - stream_function(re, (n + 1) // 2)) / 3.0
    axis, spline = np.linspace(0.0, 1.0, n), scipy.interpolate.CubicSpline
    for along in (0, 1):
        correction = spline(axis[::2], correction, axis=along)(axis)
    psi: ndarray = fine + correction
    return psi


def flow(
    psi: Float[ndarray, "n n"], x: Float[ndarray, " nx"], y: Float[ndarray, " ny"]
) -> Float[ndarray, "nx ny 3"]:
    """psi, u and v on the grid of x and y, by a cubic spline that has the walls' velocities.

    It is psi that is interpolated, so that the velocity is free of divergence; on the walls it is
    the given one, the lid's on the whole lid, corners included.
    """
    axis, still = np.linspace(0.0, 1.0, len(psi)), np.zeros(len(psi))
    spline = scipy.interpolate.CubicSpline
    along_y = spline(axis, psi, axis=1, bc_type=((1, still), (1, still + 1.0)))
    along_x = spline(axis, along_y(y), axis=0, bc_type="clamped")
    u = spline(axis, along_y(y, 1), axis=0, bc_type="clamped")(x)
    v = -along_x(x, 1)
    for component in (u, v):
        component[(x == 0) | (x == 1)] = 0.0
        component[:, (y == 0) | (y == 1)] = 0.0
    u[:, y == 1] = 1.0
    return np.stack([along_x(x), u, v], axis=-1)


class _Equations:
    """The difference equations in the inner values of psi, then w; both of them [x, y]."""

    def __init__(self, n: int) -> None:
        h, sparse = 1.0 / (n - 1), scipy.sparse
        inner = sparse.eye_array(n, format="csr")[1:-1]
        slope = sparse.diags_array([-1.0, 1.0], offsets=[-1, 1], shape=(n, n)).tocsr()[1:-1]
        bend = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()[1:-1]
        self.dx = sparse.csr_array(sparse.kron(slope, inner) / (2 * h))
        self.dy = sparse.csr_array(sparse.kron(inner, slope) / (2 * h))
        self.laplace = (sparse.kron(bend, inner) + sparse.kron(inner, bend)).tocsr() / h**2
        self.psi = sparse.kron(inner.T, inner.T, format="csr")
        facing = _facing(n) @ self.psi
        self.w_from_psi = -3.0 / h**2 * facing
        self.w_from_w = self.psi - 0.5 * facing
        lid = np.zeros((n, n))
        lid[1:-1, -1] = -3.0 / h
        self.w_from_lid = lid.ravel()

    def linearised(self, state: ndarray, re: float) -> tuple[ndarray, scipy.sparse.csc_array]:
        """The residuals and their Jacobian."""
        psi, w = np.split(state, 2)
        everywhere = self.w_from_w @ w + self.w_from_psi @ psi + self.w_from_lid
        along_x, along_y = (self.dx @ self.psi).tocsr(), (self.dy @ self.psi).tocsr()
        transport = _scaled(along_y @ psi, self.dx) - _scaled(along_x @ psi, self.dy)
        transport = transport - self.laplace / re
        swept = _scaled(self.dx @ everywhere, along_y) - _scaled(self.dy @ everywhere, along_x)
        poisson = self.laplace @ self.psi
        jacobian = scipy.sparse.block_array(
            [
                [poisson, scipy.sparse.eye_array(len(w))],
                [swept + transport @ self.w_from_psi, transport @ self.w_from_w],
            ],
            format="csc",
        )
        return np.concatenate([poisson @ psi + w, transport @ everywhere]), jacobian


def _scaled(rows: ndarray, matrix: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    scaled: scipy.sparse.csr_array = scipy.sparse.diags_array(rows).tocsr() @ matrix
    return scaled


def _facing(n: int) -> scipy.sparse.csr_array:
    """Takes every point of a wall, corners excepted, to the inner point that faces it."""
    place = np.arange(n * n).reshape(n, n)
    wall = [place[0, 1:-1], place[-1, 1:-1], place[1:-1, 0], place[1:-1, -1]]
    next_to = [place[1, 1:-1], place[-2, 1:-1], place[1:-1, 1], place[1:-1, -2]]
    pairs = (np.concatenate(wall), np.concatenate(next_to))
    return scipy.sparse.csr_array((np.ones(4 * (n - 2)), pairs), shape=(n * n, n * n))
