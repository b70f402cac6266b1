r"""A residual that is penalised for changing from point to point.

Double backpropagation (Drucker, Le Cun 1992) adds mu mean |grad_x e|^2 to a loss of errors e at
points x. Of the residual of a PINN it is the loss of gradient-enhanced PINNs (Yu, Lu, Meng,
Karniadakis, CMAME 393, 2022). The abstract of arXiv 2605.30910 says that it needs many times fewer
points; there the gradients of the conditions' mismatches are penalised as well. With the channels
c (value, operators) of an equation r(c, x),

    dr / dx_k = sum over c of (dr / dc) (dc / dx_k) + (dr / dx_k at constant c),

whose operators d/dx_k L are of one order more than the equation's L.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.checks import above
from pinn_core.discretization.ansatz import Linearization
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.operators import Operator
from pinn_core.engine.polynomials import Polynomials
from pinn_core.objectives.objective import OBJECTIVES
from pinn_core.objectives.pinn import Pinn
from pinn_core.objectives.term import NativeForm, Term
from pinn_core.objectives.terms import EquationTerm, problem_terms
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor, torch


@OBJECTIVES.register("gpinn")
@dataclass(frozen=True, kw_only=True)
class GPinn(Pinn):
    """A PINN whose equation has the loss mean r^2 + mu mean |grad_x r|^2 (Yu et al. 2022).

    All else is as in ``pinn``. Both parts are one term: weightings and directions see them
    together. ``loss/batch``, the landscape and the conflicts are of what is trained; all other
    losses and gradients are of the residual itself, recorded as often as with mini-batches.
    Conditions are not penalised. Equations of order three, and those with unknowns, are refused.

    When to use: Where points are few, for smooth solutions. A step of Burgers' equation took twelve
    times as long as a plain one on a CPU (AMD EPYC, 4 x 50 units, 1000 points).
    """

    recorded_apart: ClassVar[bool] = True

    mu: float = 1e-2
    """Weight of the squared gradient beside the squared residual."""

    def __post_init__(self) -> None:
        super().__post_init__()
        above(0, mu=self.mu)

    def check(self, problem: Problem) -> None:
        """Refuse equations of order three and unknowns, too."""
        super().check(problem)
        if problem.unknowns:
            raise ValueError(
                f"objective {self.kind} takes problems without unknowns, found {problem.kind}"
            )
        if any(op.third for op in problem.operators):
            raise ValueError(
                f"objective {self.kind} takes one derivative more than the equation, found problem "
                f"{problem.kind} with derivatives of order 3, allowed: up to 2"
            )

    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        """As for a PINN, but the equation's term squares the residual's gradient, too."""
        equation, *others = problem_terms(disc)
        operators = self.operators(disc.problem)
        own = GradientTerm(equation.name, equation.points, operators, disc.problem, self.mu)
        return own, *others

    def operators(self, problem: Problem) -> tuple[Operator, ...]:
        """The problem's, then their derivatives and the value's along every axis."""
        axes = range(len(problem.coordinates))
        more = [op for axis in axes for op in along(axis, problem.operators)]
        return tuple(dict.fromkeys((*problem.operators, *more)))

    def squares(self, problem: Problem) -> int:
        """The residuals, and as many derivatives by every axis."""
        return problem.outputs * (1 + len(problem.coordinates))

    def compared_terms(self, disc: Discretization) -> tuple[Term, ...]:
        """The problem's."""
        return problem_terms(disc)


def along(axis: int, operators: Sequence[Operator]) -> tuple[Operator, ...]:
    """The derivatives of the value and of operators of order two along an axis.

    >>> from pinn_core.engine.operators import Derivatives
    >>> D = Derivatives("x", "t")
    >>> along(1, [D.xx - 2.0 * D.t + D.identity]) == (D.t, D.xxt - 2.0 * D.tt + D.t)
    True
    """
    derivatives = (
        Operator(
            first={axis: op.zeroth} if op.zeroth else {},
            second={(min(axis, own), max(axis, own)): value for own, value in op.first.items()},
            third={_triple(axis, *pair): value for pair, value in op.second.items()},
        )
        for op in operators
    )
    return Operator(first={axis: 1.0}), *derivatives


@dataclass(frozen=True)
class GradientTerm(EquationTerm):
    """Quantities are the residuals, and after them sqrt(mu) times their derivatives by each axis.

    ``operators`` are the problem's, then those of ``along`` that are not among them.
    """

    mu: float

    def of_channels(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> Float[Tensor, "m n q"]:
        """By forward mode through the residual, differentiable by autograd."""
        points = point_set.coordinates.to(channels.dtype)
        count = len(self.problem.operators)
        place = {op: channel for channel, op in enumerate(self.operators, start=1)}
        own, parts = channels[:, : 1 + count], []
        for axis in range(points.shape[2]):
            ahead = [place[op] for op in along(axis, self.problem.operators)]
            direction = torch.zeros_like(points)
            direction[..., axis] = 1.0
            residuals, slopes = torch.func.jvp(  # type: ignore[misc]  # three with has_aux
                self.problem.residual, (own, points), (channels[:, ahead], direction)
            )
            parts.append(self.mu**0.5 * slopes)
        return torch.cat([residuals, *parts], 2)

    def linearize(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        by_points: bool = False,
    ) -> Linearization:
        """With the operators of the derivatives."""
        return Term.linearize(self, disc, parameters, points, by_points)

    def differentiable(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
    ) -> Float[Tensor, "m c _ k"]:
        """With the operators of the derivatives."""
        return Term.differentiable(self, disc, parameters, points)

    def native_form(self, disc: Discretization) -> NativeForm | None:  # noqa: ARG002
        """None: native steps carry derivatives to order two."""
        return None

    def polynomials(self, disc: Discretization) -> Polynomials | None:  # noqa: ARG002
        """None: what was traced is the residual alone."""
        return None

    def with_adjoint(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """By autograd, of linear problems, too."""
        return Term.with_adjoint(self, channels, point_set)


def _triple(*axes: int) -> tuple[int, int, int]:
    i, j, k = sorted(axes)
    return i, j, k
