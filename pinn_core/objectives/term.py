"""A loss term: what it squares, at which points, and its loss and gradient for a whole pack.

A new kind of term is one subclass of ``Term``; whoever trains, weighs or records terms asks them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxtyping import Bool, Float

from pinn_core.discretization.ansatz import Linearization
from pinn_core.discretization.discretization import COEFFICIENTS, Discretization, PointSet
from pinn_core.engine.backends import native_terms
from pinn_core.engine.backends.native_polynomials import form_of
from pinn_core.engine.operators import Operator
from pinn_core.engine.polynomials import Polynomials
from pinn_core.objectives.native_forms import native_term, serves
from pinn_core.parts import stands_for
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.squares import misfit

Factors = Callable[[str, Tensor, Tensor], Tensor | None]
"""A weighting's factors of the squared mismatches (m, n), by term and points; None means ones."""
Origin = Literal["equation", "condition", "data"]
"""What a term comes from: the problem's equation, one of its conditions, or known values."""
RESIDUAL, FIT = "residual", "regression"
"""Names of the equation's term and of the one that fits the numerical solution."""


def no_factors(name: str, squares: Tensor, points: Tensor) -> None:
    """Every point counts alike."""


@dataclass(frozen=True)
class NativeForm:
    """Quantities that are polynomials of the channels: backends make whole steps of such terms.

    ``target`` names the point set's table of what they are compared with; None means zero.
    """

    polynomials: Polynomials
    target: str | None


@dataclass(frozen=True)
class LossGradient:
    """A term's loss of every member, the mean over the points, and its gradient."""

    loss: Float[Tensor, " m"]
    gradient: Float[Tensor, "m p"]


@dataclass(frozen=True)
class Term(ABC):
    """A loss term: the mean over points of squared mismatches, summed over its quantities.

    A mismatch is the difference between a quantity, which is a function of the networks' channels,
    and its target. ``points`` names the point set of a batch on which it is trained, ``operators``
    are the channels besides the value.
    """

    origin: ClassVar[Origin]

    name: str
    points: str
    operators: tuple[Operator, ...]

    @abstractmethod
    def of_channels(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> Float[Tensor, "m n q"]:
        """The quantities from the channels (value, operators); differentiable by autograd."""

    @abstractmethod
    def recorded_points(self, disc: Discretization, most: int) -> PointSet:
        """The grid's points at which diagnostics look at the term, ``most`` of what is thinned."""

    def native_form(self, disc: Discretization) -> NativeForm | None:  # noqa: ARG002
        """The quantities as polynomials, if they are such."""
        return None

    def target(
        self,
        point_set: PointSet,  # noqa: ARG002
        quantities: Float[Tensor, "m n q"],  # noqa: ARG002
    ) -> Float[Tensor, "_ n q"] | None:
        """What the quantities are compared with; None means zero."""
        return None

    def known(self, point_set: PointSet) -> Bool[Tensor, "_ n q"] | None:  # noqa: ARG002
        """Which quantities are compared with anything; None means all."""
        return None

    def share(self, point_set: PointSet) -> Float[Tensor, "_ n 1"] | None:  # noqa: ARG002
        """Known factors of the points' squared mismatches; None means ones."""
        return None

    def evaluated_at(self, points: Float[Tensor, "#m n d"]) -> Float[Tensor, "#m _ d"]:
        """Where the networks are evaluated for the quantities at the points."""
        return points

    def linearize(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        by_points: bool = False,
    ) -> Linearization:
        """The channels that the quantities are made of, and the way back."""
        return disc.linearize(
            parameters, self.evaluated_at(points), self.operators, by_points=by_points
        )

    def differentiable(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
    ) -> Float[Tensor, "m c _ k"]:
        """The same channels, which autograd can differentiate to any order."""
        return disc.differentiable(parameters, self.evaluated_at(points), self.operators)

    def with_adjoint(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """The quantities, and how an adjoint of them becomes one of the channels."""
        with torch.enable_grad():
            leaf = channels.detach().requires_grad_()
            quantities = self.of_channels(leaf, point_set)

        def back(slope: Tensor) -> Tensor:
            return torch.autograd.grad(quantities, leaf, slope, retain_graph=True)[0]

        return quantities.detach(), back

    def linearized(
        self, disc: Discretization, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """What ``with_adjoint`` gives, made as native steps make it where they do."""
        native = disc.backend == "native" and stands_for(self, "polynomials", "of_channels")
        form = self.polynomials(disc) if native else None
        if form is None or (form.columns and COEFFICIENTS not in point_set.tables):
            return self.with_adjoint(channels, point_set)
        coefficients = point_set[COEFFICIENTS] if form.columns else None
        by_form = form_of(form)
        return (
            by_form.values(channels, coefficients),
            lambda slope: by_form.adjoint(channels, coefficients, slope),
        )

    def polynomials(self, disc: Discretization) -> Polynomials | None:  # noqa: ARG002
        """The quantities as polynomials where these are more than entries of the channels."""
        return None

    def quantities(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        point_set: PointSet,
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Float[Tensor, "m p"]]]:
        """The quantities at given points, and the gradient that belongs to an adjoint of them."""
        linearization = self.linearize(disc, parameters, point_set.coordinates)
        quantities, to_channels = self.with_adjoint(linearization.channels, point_set)
        return quantities, lambda adjoint: linearization.reverse(to_channels(adjoint))

    def loss_and_gradient(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        point_set: PointSet,
        factors: Factors = no_factors,
    ) -> tuple[LossGradient, Float[Tensor, "m _ k"]]:
        """Loss and gradient on given points, and the networks' values where they were evaluated."""
        found = self._in_one_call(disc, parameters, point_set) if factors is no_factors else None
        if found is not None:
            return found
        linearization = self.linearize(disc, parameters, point_set.coordinates)
        channels = linearization.channels
        loss, to_channels = self._loss_of(channels, disc, point_set, factors)
        return LossGradient(loss, linearization.reverse(to_channels())), channels[:, 0]

    def loss(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        point_set: PointSet,
        factors: Factors = no_factors,
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, "m _ k"]]:
        """Loss and values alone, with the bits that ``loss_and_gradient`` gives them."""
        channels = self.linearize(disc, parameters, point_set.coordinates).channels
        return self._loss_of(channels, disc, point_set, factors)[0], channels[:, 0]

    def _loss_of(
        self, channels: Tensor, disc: Discretization, point_set: PointSet, factors: Factors
    ) -> tuple[Float[Tensor, " m"], Callable[[], Float[Tensor, "m c _ k"]]]:
        """The loss, and what makes its derivatives by the channels."""
        quantities, to_channels = self.linearized(disc, channels, point_set)
        target = self.target(point_set, quantities)
        if target is None:
            target = quantities.new_zeros(1, *quantities.shape[1:])
        loss, slope = self._misfit(quantities, target, point_set, factors, disc.backend)
        return loss, lambda: to_channels(slope)

    def _in_one_call(
        self, disc: Discretization, parameters: Tensor, point_set: PointSet
    ) -> tuple[LossGradient, Float[Tensor, "m _ k"]] | None:
        """The same with the same bits by the native backend alone, if it can."""
        if not serves(disc) or parameters.dtype is not disc.dtype or not len(point_set):
            return None
        own = native_term(self, disc, point_set, len(point_set))
        if own is None:
            return None
        loss, gradient, values = native_terms.evaluate(own, parameters, disc.threads)
        return LossGradient(loss, gradient), values

    def _misfit(
        self,
        quantities: Float[Tensor, "m n q"],
        target: Float[Tensor, "_ n q"],
        point_set: PointSet,
        factors: Factors,
        backend: str,
    ) -> tuple[Float[Tensor, " m"], Float[Tensor, "m n q"]]:
        """Mean over points of factor times share times squared mismatch, and its derivative."""
        share = self.share(point_set)
        if factors is no_factors:
            return misfit(quantities, target, backend, share)
        mismatch = quantities - target
        squares = mismatch.square().sum(2)
        weights = factors(self.name, squares, point_set.coordinates)
        if weights is None:
            return misfit(quantities, target, backend, share)
        if share is not None:
            weights = weights * share[..., 0]
        loss = (weights * squares).sum(1, dtype=torch.float64) / squares.shape[1]
        return loss, (2 / squares.shape[1]) * weights[..., None] * mismatch

    def mismatch(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> Float[Tensor, "m n q"]:
        """Quantities minus target, in the precision of the channels; differentiable by autograd."""
        quantities = self.of_channels(channels, point_set)
        target = self.target(point_set, quantities)
        return quantities if target is None else quantities - target

    def differentiable_loss(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        point_set: PointSet,
        factors: Factors = no_factors,
    ) -> Float[Tensor, " m"]:
        """The loss at given points, differentiable by autograd to any order.

        In the precision of the parameters; the factors are constants.
        """
        points = point_set.coordinates.to(parameters.dtype)
        channels = self.differentiable(disc, parameters, points)
        mismatch = self.mismatch(channels, point_set)
        squares, share = mismatch.square(), self.share(point_set)
        if share is not None:
            squares = squares * share
        weights = factors(self.name, mismatch.detach().square().sum(2), point_set.coordinates)
        if weights is not None:
            squares = squares * weights[..., None]
        return squares.flatten(1).sum(1) / len(point_set)
