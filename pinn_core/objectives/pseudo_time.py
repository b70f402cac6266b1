r"""Pseudo-time: the residual resists a change of the solution from one update to the next.

The rule is that of jaxpi's second version (code of 2026). The abstract of arXiv 2604.23528 says
that it takes trainings out of spurious solutions, whose residual is small; more of the paper we did
not read. With u_prev, the network before the last update, as a constant, an equation u_t + ... = 0
has

    r + w (u - u_prev)

in place of its residual r: an implicit step of length 1 / w in a pseudo-time s of u_s = -r. The
value hardly differs from r. The gradient gains w r du/dtheta, so that parameters at which the
gradient of r^2 vanishes, and r does not, are at rest only if r is orthogonal to du/dtheta, too.
Every ``adapt_every`` steps

    w <- 0.9 w + 0.1 clip(phi |r - r_prev| / (|u - u_prev| + 1e-8), 0.01, 100)

with norms over the points of the batch, each equation for itself, and phi from 1 to 0.1 along half
a cosine while the sum of the terms' losses falls from 1e-2 to 1e-6 of its first value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from pinn_core.checks import above, at_least
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives.objective import OBJECTIVES
from pinn_core.objectives.pinn import Pinn
from pinn_core.objectives.pseudo_steps import PREVIOUS, WEIGHT, with_pseudo_steps
from pinn_core.objectives.term import NativeForm, Term
from pinn_core.objectives.terms import EquationTerm, problem_terms
from pinn_core.problems import Problem
from pinn_core.samplers import Batches
from pinn_core.samplers.sampler import Tensors
from pinn_core.tensors import Tensor, torch


@OBJECTIVES.register("pseudo_time")
@dataclass(frozen=True, kw_only=True)
class PseudoTime(Pinn):
    """A PINN whose residual r is r + w (u - u_prev), u_prev before the last update.

    All else is as in ``pinn``. The weight w is ``pseudo_weight``, or follows the rule of jaxpi's
    second version from there every ``adapt_every`` steps; that of an equation with -u_t counts
    negative, an equation without a first derivative in time has none. ``loss/batch`` is of what is
    trained; all other losses and the landscape are of the residual itself, recorded as often as
    with mini-batches. Optimizers that compare gradients of successive steps (``lbfgs``,
    ``ssbroyden``) see those of different losses. In the authors' code every step has new points.

    When to use: Where residuals are small and the solution is wrong, for equations of first order
    in time.

        >>> from pinn_core.problems import Wave
        >>> PseudoTime().check(Wave())
        Traceback (most recent call last):
            ...
        ValueError: objective pseudo_time takes equations of first order in the time t, found \
problem wave
    """

    recorded_apart: ClassVar[bool] = True

    pseudo_weight: float = 1.0
    """The weight w, or the first one."""
    adapt_every: int = 0
    """w is set anew every so many steps; 0 keeps it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        above(0, pseudo_weight=self.pseudo_weight)
        at_least(0, adapt_every=self.adapt_every)

    def check(self, problem: Problem) -> None:
        """Refuse equations without a first derivative in time, too."""
        super().check(problem)
        if not any(time_signs(problem)):
            raise ValueError(
                f"objective {self.kind} takes equations of first order in the time t, found "
                f"problem {problem.kind}"
            )

    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        """As for a PINN, with another residual where a step's points know the values before."""
        equation, *others = problem_terms(disc)
        own = PseudoTimeTerm(equation.name, equation.points, equation.operators, disc.problem)
        return own, *others

    def batches(
        self, disc: Discretization, seeds: Sequence[int], state: Tensors | None = None
    ) -> Batches:
        """As for a PINN, with the values before the last update at interior points."""
        kept = {} if state is None else state
        signs = time_signs(disc.problem)
        rule = self.pseudo_weight, self.adapt_every
        return with_pseudo_steps(super().batches(disc, seeds, kept), disc, signs, rule, kept)


@dataclass(frozen=True)
class PseudoTimeTerm(EquationTerm):
    """The mean squared r + w (u - u_prev) at points that know w and u_prev, elsewhere of r."""

    def of_channels(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> Float[Tensor, "m n q"]:
        """One number for each equation, of which there are as many as outputs."""
        residuals = super().of_channels(channels, point_set)
        known = PREVIOUS in point_set.tables
        return residuals + _difference(channels, point_set) if known else residuals

    def native_form(self, disc: Discretization) -> NativeForm | None:  # noqa: ARG002
        """None: w and u_prev change from step to step."""
        return None

    def linearized(
        self, disc: Discretization, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """What the residual's own term gives, and the difference beside it."""
        found = self._residual_term.linearized(disc, channels, point_set)
        return _with_difference(*found, channels, point_set)

    def with_adjoint(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """What the residual's own term gives, and the difference beside it."""
        found = self._residual_term.with_adjoint(channels, point_set)
        return _with_difference(*found, channels, point_set)

    @property
    def _residual_term(self) -> EquationTerm:
        return EquationTerm(self.name, self.points, self.operators, self.problem)


def _with_difference(
    residuals: Float[Tensor, "m n q"],
    back: Callable[[Tensor], Tensor],
    channels: Float[Tensor, "m c _ k"],
    point_set: PointSet,
) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
    """The residuals and their adjoint, with w (u - u_prev) where the points know it."""
    if PREVIOUS not in point_set.tables:
        return residuals, back
    weight = point_set[WEIGHT].to(channels.dtype)

    def reverse(slope: Tensor) -> Tensor:
        adjoint = back(slope)
        adjoint[:, 0] += weight * slope
        return adjoint

    return residuals + _difference(channels, point_set), reverse


def _difference(channels: Float[Tensor, "m c _ k"], point_set: PointSet) -> Tensor:
    """Of every output w (u - u_prev)."""
    weight, previous = (point_set[name].to(channels.dtype) for name in (WEIGHT, PREVIOUS))
    return weight * (channels[:, 0] - previous)


@lru_cache(maxsize=64)
def time_signs(problem: Problem) -> tuple[float, ...]:
    """Of every equation the sign of its own output's first derivative in time, 0 without one.

    All are 0 where equations and outputs differ in number.

    >>> from pinn_core.problems import Heat, KuramotoSivashinsky
    >>> time_signs(Heat()), time_signs(KuramotoSivashinsky())
    ((-1.0,), (1.0, 0.0))
    """
    nothing = (0.0,) * problem.outputs
    if "t" not in problem.coordinates:
        return nothing
    axis = problem.coordinates.index("t")
    count = 1 + len(problem.operators) + len(problem.unknowns)
    channels = torch.zeros(1, count, 1, problem.outputs, dtype=torch.float64, requires_grad=True)
    points = torch.tensor(problem.domain.low, dtype=torch.float64).view(1, 1, -1)
    with torch.enable_grad():
        residuals = problem.residual(channels, points)[0, 0].unbind()
    if len(residuals) != problem.outputs:
        return nothing
    rates = [each.first.get(axis, 0.0) for each in problem.operators]
    found = []
    for output, residual in enumerate(residuals):
        (slopes,) = torch.autograd.grad(
            residual, channels, retain_graph=True, materialize_grads=True
        )
        found.append(np.dot(rates, slopes[0, 1 : 1 + len(rates), 0, output].numpy()))
    return tuple(np.sign(found).tolist())
