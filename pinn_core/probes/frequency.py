"""The error by spatial frequency: which wavelengths the network has learnt, and which not yet.

Networks learn low frequencies first: the frequency principle (Xu, Zhang, Luo, Xiao, Ma, Commun.
Comput. Phys. 28, 2020), spectral bias (Rahaman et al., ICML 2019). On that account a plateau is the
time in which the error of the next band of frequencies has hardly begun to fall, and each drop of
the loss after a plateau is the fall of one band. In a PINN the derivatives of the residual weigh
high frequencies more, and the order may be another (Wang, Wang, Perdikaris, CMAME 384, 2021).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pinn_core.checks import at_least
from pinn_core.engine.stack import Stack
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.apart import apart

TIME = "t"
UNEVEN = 1e-6
"""Differences between spacings along an axis, in parts of its length, that count as rounding."""


@PROBES.register("frequency")
@dataclass(frozen=True, kw_only=True)
class Frequency(Probe):
    """Relative L2 error in bands of half-waves along each spatial axis, on the whole grid.

    Along an axis whose ends are both in the grid the error is a sum of cosines cos(pi q x / L) of q
    half-waves over the length L (a cosine transform of type I: no jump at the ends, weights of the
    trapezoidal rule); along one that lacks its far end, as periodic problems have it, a Fourier
    series. ``x/4-7`` is the part with q = 4 to 7, its root mean square over all other coordinates
    and outputs in parts of the solution's: the squares of an axis' bands add up to that of the
    relative L2 error. A sine that vanishes at both ends counts mostly at even q. An equation in
    time alone is looked at along time.

    The problem must know its solution on an evenly spaced lattice.

    When to use: To see whether a plateau is the wait for the next band of frequencies.
    """

    every: int = 50
    """It is recorded in every so many steps; 0 is never."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)

    def check(self, problem: Problem) -> None:
        """Refuse problems whose solution is not known, and grids that are no lattice."""
        _lattice_of(problem)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """One for each axis and band that the lattice tells apart."""
        return {
            f"{axis.name}/{band}": Column(
                f"relative L2 error in waves of {band} half-waves along {axis.name}"
            )
            for axis in _lattice_of(setup.disc.problem).axes
            for band in axis.bands
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:
        """The values on the grid, taken to have as many points as a step."""
        return ProbeCost(flops=2.0 * points * stack.size, numbers=points * (max(stack.widths) + 4))

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the values on the whole grid, in float64."""
        disc = moment.setup.disc
        lattice = _lattice_of(disc.problem)
        of_errors = disc.error_values if disc.error_outputs else disc.values
        values = of_errors(moment.parameters, disc.grid).double()
        device = values.device
        order, known = (torch.from_numpy(a).to(device) for a in (lattice.order, lattice.known))
        exact = torch.from_numpy(lattice.exact).to(device)
        errors = (values[:, order][..., known] - exact).unflatten(1, lattice.shape)
        return {
            f"{axis.name}/{band}": part
            for axis in lattice.axes
            for band, part in axis.parts(errors).items()
        }


@dataclass(frozen=True)
class Axis:
    """One axis of a lattice: ``waves`` (q, n) are orthonormal, and have ``half_waves`` (q,) each.

    ``place`` is that of its dimension among the lattice's; ``size`` is the length of the solution
    in the norm in which the waves are orthonormal.
    """

    name: str
    place: int
    waves: Float[ndarray, "q n"]
    half_waves: Int[ndarray, " q"]
    size: float

    @property
    def bands(self) -> dict[str, ndarray]:
        """The waves of every band, by its half-waves: 0, 1, 2-3, 4-7, ..."""
        octaves = np.ceil(np.log2(self.half_waves + 1)).astype(int)  # 0, 1, 2, 2, 3, 3, 3, 3, ...
        return {
            _band(n): np.flatnonzero(octaves == n)
            for n in range(int(octaves.max()) + 1)
            if n in octaves
        }

    def parts(self, errors: Float[Tensor, "m *shape k"]) -> dict[str, Float[Tensor, " m"]]:
        """The relative size of every band of the errors."""
        (squares,) = apart(partial(self._squares, errors.ndim - 1), errors)
        return {
            band: squares[:, torch.from_numpy(rows).to(errors.device)].sum(1).sqrt() / self.size
            for band, rows in self.bands.items()
        }

    def _squares(self, inner: int, errors: Tensor) -> tuple[Tensor]:
        """Squared amplitudes of the waves (q), of one member or all: the last ``inner`` axes."""
        waves = torch.from_numpy(self.waves).to(errors.device)
        along = errors.movedim(self.place - inner, -1)
        amplitudes = torch.tensordot(along, waves.T, dims=1)
        return (amplitudes.square().flatten(-inner, -2).sum(-2),)


def _band(octave: int) -> str:
    low, high = 2**octave // 2, 2**octave - 1
    return f"{low}" if low == high else f"{low}-{high}"


@dataclass(frozen=True)
class Lattice:
    """A problem's grid as a lattice of this ``shape``.

    ``order`` are its points' places in the grid, ``exact`` is the solution there, of the outputs in
    ``known``; ``axes`` are those of space.
    """

    order: Int[ndarray, " n"]
    shape: tuple[int, ...]
    known: Int[ndarray, " k"]
    exact: Float[ndarray, "n k"]
    axes: tuple[Axis, ...]


@lru_cache(maxsize=4)
def _lattice_of(problem: Problem) -> Lattice:
    """The lattice of a problem's grid; raises ``ValueError`` where there is none."""
    grid = problem.grid()
    both = (grid.interior, grid.supervised)
    points = np.concatenate([part.coordinates for part in both])
    exact = np.concatenate([part.exact for part in both])
    where = f"problem {problem.kind}: probe frequency needs"
    known = np.flatnonzero(np.isfinite(exact).all(axis=0))
    if not known.size:
        raise ValueError(f"{where} a solution that is known on the whole grid, found none")
    values = [np.unique(along) for along in points.T]
    shape = tuple(map(len, values))
    if len(points) != prod(shape) or len(np.unique(points, axis=0)) != prod(shape):
        raise ValueError(
            f"{where} a grid that is a full lattice, found {len(points)} points on one of "
            f"{' x '.join(map(str, shape))}"
        )
    order = np.lexsort(points.T[::-1])
    solution = exact[order][:, known]
    spatial = [name for name in problem.coordinates if name != TIME] or [TIME]
    axes = []
    for place, name in enumerate(problem.coordinates):
        if name in spatial:
            low, high = problem.domain.low[place], problem.domain.high[place]
            waves, half_waves = _waves(
                values[place], low, high, f"{where} equal steps along {name}"
            )
            amplitudes = np.moveaxis(solution.reshape(*shape, -1), place, -1) @ waves.T
            size = float(np.linalg.norm(amplitudes))
            if not size:
                raise ValueError(f"{where} a solution that is not 0 everywhere")
            axes.append(Axis(name, place, waves, half_waves, size))
    return Lattice(order, shape, known, solution, tuple(axes))


def _waves(values: ndarray, low: float, high: float, needed: str) -> tuple[ndarray, ndarray]:
    """Orthonormal waves on the values along an axis, weights included, and their half-waves."""
    count = len(values)
    slack = UNEVEN * (high - low)
    closed = np.linspace(low, high, count)
    if count > 1 and np.allclose(values, closed, rtol=0, atol=slack):
        return _cosines(count)
    if np.allclose(values, np.linspace(low, high, count, endpoint=False), rtol=0, atol=slack):
        return _fourier(count)
    raise ValueError(f"{needed} from {low:g} to {high:g}, found others")


def _cosines(count: int) -> tuple[ndarray, ndarray]:
    numbers = np.arange(count)
    weights = np.where((numbers == 0) | (numbers == count - 1), 0.5, 1.0)
    waves = np.cos(np.pi * np.outer(numbers, numbers) / (count - 1)) * np.sqrt(weights)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    return waves * np.sqrt(weights), numbers


def _fourier(count: int) -> tuple[ndarray, ndarray]:
    turns = 2 * np.pi * np.arange(count) / count
    full = np.arange(count // 2 + 1)
    sines = full[1 : (count + 1) // 2]
    waves = np.concatenate([np.cos(np.outer(full, turns)), np.sin(np.outer(sines, turns))])
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    return waves, 2 * np.concatenate([full, sines])
