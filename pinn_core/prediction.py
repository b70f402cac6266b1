"""A trained network as a function: its values, and operators on it, at any points of the domain."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike

from pinn_core.configuration import Configuration
from pinn_core.discretization.ansatz import Ansatz
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.precision import matrix_products
from pinn_core.engine.stack import padded
from pinn_core.geometry import in_words
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, torch

VALUE, RESIDUAL = "value", "residual"
SLACK = 1e-6
"""How far outside a point may lie, in parts of the domain's extent: coordinates are rounded."""


@dataclass(frozen=True)
class Solution:
    """What a run has learnt: a configuration's network with the parameters of one of its steps.

    ``parameters`` are the trained ones (P,), as ``Trajectory.parameters`` has them. ``device`` is
    what torch calls it, ``cuda`` for a GPU. ``stage`` counts from 0 the problem that they were
    trained on; None: the last. Raises ``ValueError`` for another network's parameters.

    >>> from pinn_core import Adam, Heat, Mlp, Pinn
    >>> configuration = Configuration(
    ...     problem=Heat(), network=Mlp(width=8, depth=1), objective=Pinn(), phases=(Adam(steps=1),)
    ... )
    >>> solution = Solution(configuration, np.zeros(41, dtype=np.float32))
    >>> solution.predict([[0.5, 0.5, 0.1]]).tolist()
    [[0.0]]
    >>> solution.predict([[0.5, 0.5, 0.1]], "residual").shape
    (1, 1)
    """

    configuration: Configuration
    parameters: Float[ndarray, " p"] = field(repr=False)
    device: str = "cpu"
    stage: int | None = None

    def __post_init__(self) -> None:
        network, found = self.configuration.network, np.shape(self.parameters)
        size = self.configuration.size
        if found != (size,):
            raise ValueError(
                f"parameters of another network: found an array of the shape {list(found)}, "
                f"allowed: [{size}], for network {network.kind} of problem "
                f"{self.configuration.problem.kind}"
            )

    @property
    def problem(self) -> Problem:
        """The problem that the parameters were trained on last: its domain is where they hold."""
        stages = self.configuration.stages
        stage = stages.count - 1 if self.stage is None else self.stage
        return stages.problem(self.configuration.problem, stage)

    def predict(
        self,
        points: ArrayLike,
        what: str | Operator = VALUE,
        *,
        batch: int = 8192,
        backend: str = "auto",
    ) -> Float[ndarray, "n q"]:
        """What the network is at points (n, d) of the domain, in the precision of its training.

        ``what`` is ``value`` (an entry for each output), ``residual`` (one for each equation of the
        problem), a derivative by the names of its coordinates (``t``, ``xx``), or an operator
        (``Derivatives("x", "t").xx``); of an operator there is an entry for each output. ``batch``
        points are carried at a time. Raises ``ValueError`` for points that the domain does not hold
        and for an operator that there is not.
        """
        if batch < 1:
            raise ValueError(f"batch must be >= 1, found {batch}")
        operators = self._operators(what)
        given = self._checked(points)
        ansatz = self._ansatz(backend)
        parts = [
            self._at(given[start : start + batch], ansatz, operators, residual=what == RESIDUAL)
            for start in range(0, max(len(given), 1), batch)
        ]
        return np.concatenate(parts)

    @property
    def unknowns(self) -> dict[str, float]:
        """The values that the problem's unknowns were trained to, by name."""
        ansatz = self._ansatz("auto")
        with torch.no_grad():
            values = ansatz.unknowns(self._row(ansatz))[0].tolist()
        return dict(zip(self.problem.unknowns, values, strict=True))

    def _ansatz(self, backend: str) -> Ansatz:
        configuration = self.configuration
        return Ansatz(
            self.problem,
            configuration.network,
            configuration.precision,
            self.device,
            backend=backend,
            inputs=configuration.inputs,
            constraints=configuration.constraints,
        )

    def _row(self, ansatz: Ansatz) -> Float[Tensor, "1 p"]:
        """The parameters as those of a pack of one."""
        row = np.zeros((1, padded(ansatz.size)))
        row[0, : ansatz.size] = self.parameters
        return torch.from_numpy(row).to(self.device, ansatz.dtype)

    def _at(
        self, points: ndarray, ansatz: Ansatz, operators: tuple[Operator, ...], *, residual: bool
    ) -> ndarray:
        """One batch; without ``residual`` the last channel is what was asked for."""
        parameters = self._row(ansatz)
        at = torch.from_numpy(points[None]).to(self.device, ansatz.dtype)
        with matrix_products(self.configuration.precision), torch.no_grad():
            if residual:
                channels = ansatz.linearize_equation(parameters, at, keep=False).channels
                values = self.problem.residual(channels, at)
            else:
                values = ansatz.linearize(parameters, at, operators, keep=False).channels[:, -1]
        return values[0].cpu().numpy()

    def _operators(self, what: str | Operator) -> tuple[Operator, ...]:
        """What has to be carried besides the value."""
        if isinstance(what, Operator):
            return (what,)
        if what in (VALUE, RESIDUAL):
            return self.problem.operators if what == RESIDUAL else ()
        try:
            return (getattr(Derivatives(*self.problem.coordinates), what),)
        except AttributeError as error:
            raise ValueError(f"{error}; or {VALUE!r}, or {RESIDUAL!r}") from None

    def _checked(self, points: ArrayLike) -> Float[ndarray, "n d"]:
        """The points in float64; raises ``ValueError`` for what are no points of the domain."""
        coordinates, domain = self.problem.coordinates, self.problem.domain
        try:
            given = np.asarray(points, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"points: not an array of numbers: {error}") from None
        if given.ndim != 2 or given.shape[1] != len(coordinates):
            raise ValueError(
                f"points: found an array of the shape {list(given.shape)}, allowed: "
                f"[n, {len(coordinates)}], the coordinates {', '.join(coordinates)}"
            )
        outside = np.flatnonzero(~domain.holds(given, SLACK))
        if len(outside):
            first = outside[0]
            raise ValueError(
                f"points: {len(outside)} of {len(given)} lie outside the domain, the first is "
                f"point {first}, ({', '.join(map(str, given[first].tolist()))}); allowed: "
                f"{in_words(domain, coordinates)}{self._why()}"
            )
        return given

    def _why(self) -> str:
        """Why the domain may be smaller than the problem's."""
        stages = self.configuration.stages
        if not stages.continues:
            return ""
        return f", the last of {stages.count} stages, for which alone the last parameters hold"
