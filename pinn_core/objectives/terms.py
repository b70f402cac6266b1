"""Loss terms: what each squares, at which points, and its loss and gradient for a whole pack.

A new kind of term is one subclass of ``Term``; whoever trains, weighs or records terms asks them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from operator import add
from typing import ClassVar, Literal

from jaxtyping import Bool, Float

from pinn_core.discretization.ansatz import Linearization
from pinn_core.discretization.discretization import COEFFICIENTS, Discretization, PointSet
from pinn_core.engine.backends import native_terms
from pinn_core.engine.backends.native_polynomials import form_of
from pinn_core.engine.operators import Operator
from pinn_core.engine.polynomials import Polynomials, Product
from pinn_core.objectives.native_forms import native_term, serves
from pinn_core.parts import stands_for
from pinn_core.problems import Condition, Problem
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
        quantities, to_channels = self.linearized(disc, channels, point_set)
        target = self.target(point_set, quantities)
        if target is None:
            target = quantities.new_zeros(1, *quantities.shape[1:])
        loss, slope = self._misfit(quantities, target, point_set, factors, disc.backend)
        return LossGradient(loss, linearization.reverse(to_channels(slope))), channels[:, 0]

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


@dataclass(frozen=True)
class EquationTerm(Term):
    """The mean squared residual of a problem's equations."""

    origin: ClassVar[Origin] = "equation"

    problem: Problem

    def of_channels(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> Float[Tensor, "m n q"]:
        """The residuals, in the precision of the channels."""
        return self.problem.residual(channels, point_set.coordinates.to(channels.dtype))

    def recorded_points(self, disc: Discretization, most: int) -> PointSet:
        """Interior points, drawn once."""
        return disc.interior.thinned(most, "gradient")

    def share(self, point_set: PointSet) -> Float[Tensor, "_ n 1"] | None:
        """What a sampler says of its points."""
        return point_set["share"] if "share" in point_set.tables else None

    def linearize(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
        by_points: bool = False,
    ) -> Linearization:
        """With the problem's unknowns."""
        return disc.linearize_equation(parameters, points, by_points=by_points)

    def differentiable(
        self,
        disc: Discretization,
        parameters: Float[Tensor, "m p"],
        points: Float[Tensor, "#m n d"],
    ) -> Float[Tensor, "m c _ k"]:
        """With the problem's unknowns."""
        return disc.differentiable_equation(parameters, points)

    def native_form(self, disc: Discretization) -> NativeForm | None:
        """What was traced from the problem; native steps train no unknowns."""
        form = disc.residual_form
        return None if form is None or self.problem.unknowns else NativeForm(form.polynomials, None)

    def polynomials(self, disc: Discretization) -> Polynomials | None:
        """What was traced from the problem."""
        return None if disc.residual_form is None else disc.residual_form.polynomials

    def with_adjoint(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """By autograd; of a linear problem what that gives, for a tenth of a small step less."""
        if not self.problem.linear:
            return super().with_adjoint(channels, point_set)

        def placed(slope: Tensor) -> Tensor:
            adjoint = torch.zeros_like(channels)
            adjoint[:, 1:] = slope.mT[..., None]
            return adjoint

        return self.of_channels(channels, point_set), placed


@dataclass(frozen=True)
class ConditionTerm(Term):
    """One of a problem's conditions; its points know their target and their share."""

    origin: ClassVar[Origin] = "condition"

    condition: Condition

    def of_channels(
        self,
        channels: Float[Tensor, "m c _ k"],
        point_set: PointSet,
    ) -> Float[Tensor, "m n q"]:
        """What the condition asks of the networks; differences of partners with a shift."""
        condition = self.condition
        if self._values_alone(channels):
            return channels[:, 0]
        entries = [channels[:, channel, :, output] for channel, output in self._entries]
        if condition.combined:
            coefficients = point_set[COEFFICIENTS].to(channels.dtype)
            weighted = [coefficients[..., e] * entry for e, entry in enumerate(entries)]
            return torch.stack([reduce(add, weighted[own]) for own in self._columns], 2)
        quantities = torch.stack(entries, 2)
        if condition.shift is None:
            return quantities
        return quantities[:, 0::2] - quantities[:, 1::2]

    def recorded_points(self, disc: Discretization, most: int) -> PointSet:  # noqa: ARG002
        """All of the grid's points of the condition."""
        return disc.condition_points[self.name]

    def native_form(self, disc: Discretization) -> NativeForm:
        """Entries, or their differences between points and their partners, or combinations."""
        combinations = self.polynomials(disc)
        if combinations is not None:
            return NativeForm(combinations, "target")
        signs = (1.0,) if self.condition.shift is None else (1.0, -1.0)
        quantities = tuple(
            tuple(
                Product(sign, None, ((channel, output, partner),))
                for partner, sign in enumerate(signs)
            )
            for channel, output in self._entries
        )
        return NativeForm(Polynomials(quantities, partners=len(signs)), "target")

    def polynomials(self, disc: Discretization) -> Polynomials | None:  # noqa: ARG002
        """Combinations of entries, by coefficients of the points."""
        if not self.condition.combined:
            return None
        products = [
            Product(1.0, column, ((channel, output, 0),))
            for column, (channel, output) in enumerate(self._entries)
        ]
        return Polynomials(tuple(tuple(products[own]) for own in self._columns), len(products))

    def target(
        self,
        point_set: PointSet,
        quantities: Float[Tensor, "m n q"],  # noqa: ARG002
    ) -> Float[Tensor, "_ n q"]:
        """The condition's values."""
        return point_set["target"]

    def share(self, point_set: PointSet) -> Float[Tensor, "_ n 1"] | None:
        """What makes the mean over all points the sum of the segments' means."""
        return point_set["share"] if "share" in point_set.tables else None

    def evaluated_at(self, points: Float[Tensor, "#m n d"]) -> Float[Tensor, "#m _ d"]:
        """At the points and, with a shift, each point's partner after it."""
        if self.condition.shift is None:
            return points
        partners = points + points.new_tensor(self.condition.shift)
        return torch.stack([points, partners], dim=2).flatten(1, 2)

    def with_adjoint(
        self, channels: Float[Tensor, "m c _ k"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """The quantities are entries of the channels: an adjoint is put in their places."""
        if self._values_alone(channels):
            return channels[:, 0], lambda slope: slope[:, None]
        condition = self.condition
        if condition.combined:
            return super().with_adjoint(channels, point_set)

        def placed(slope: Tensor) -> Tensor:
            both = slope
            if condition.shift is not None:
                both = torch.stack([slope, -slope], dim=2).flatten(1, 2)
            adjoint = torch.zeros_like(channels)
            for quantity, (channel, output) in enumerate(self._entries):
                adjoint[:, channel, :, output] += both[:, :, quantity]
            return adjoint

        return self.of_channels(channels, point_set), placed

    def _values_alone(self, channels: Tensor) -> bool:
        """Whether the quantities are the values as they are."""
        return self.condition.plain and len(self.condition.places) == channels.shape[3]

    @property
    def _entries(self) -> list[tuple[int, int]]:
        """Channel and output of every entry."""
        return [place for one in self.condition.places for place in one]

    @property
    def _columns(self) -> list[slice]:
        """Of every quantity, which of the entries it adds up."""
        ends = list(accumulate(map(len, self.condition.places)))
        return [slice(first, last) for first, last in pairwise([0, *ends])]


@dataclass(frozen=True)
class DataTerm(ConditionTerm):
    """The mean squared distance from observed values: a condition at points of its own."""

    origin: ClassVar[Origin] = "data"

    def recorded_points(self, disc: Discretization, most: int) -> PointSet:  # noqa: ARG002
        """All observations."""
        return disc.observed_points[self.name]


@dataclass(frozen=True)
class FitTerm(Term):
    """The mean squared distance from the numerical solution.

    With ``partly_known`` a component that is not known (NaN) has the networks' own values as its
    target; without, an unknown solution gives NaN.
    """

    origin: ClassVar[Origin] = "data"

    partly_known: bool

    def of_channels(
        self,
        channels: Float[Tensor, "m c _ k"],
        point_set: PointSet,  # noqa: ARG002
    ) -> Float[Tensor, "m n q"]:
        """The values."""
        return channels[:, 0]

    def recorded_points(self, disc: Discretization, most: int) -> PointSet:
        """Points of the grid, drawn once."""
        return disc.grid.thinned(most, "gradient")

    def native_form(self, disc: Discretization) -> NativeForm | None:
        """All values, where their targets are known."""
        if self.partly_known:
            return None
        outputs = range(disc.problem.outputs)
        values = tuple((Product(1.0, None, ((0, output, 0),)),) for output in outputs)
        return NativeForm(Polynomials(values), "reference")

    def target(
        self, point_set: PointSet, quantities: Float[Tensor, "m n q"]
    ) -> Float[Tensor, "_ n q"]:
        """The numerical solution as far as it is known."""
        reference = point_set["reference"]
        if not self.partly_known:
            return reference
        return torch.where(reference.isnan(), quantities, reference)

    def known(self, point_set: PointSet) -> Bool[Tensor, "_ n q"] | None:
        """The components that the numerical solution has."""
        return ~point_set["reference"].isnan() if self.partly_known else None

    def with_adjoint(
        self,
        channels: Float[Tensor, "m c _ k"],
        point_set: PointSet,  # noqa: ARG002
    ) -> tuple[Float[Tensor, "m n q"], Callable[[Tensor], Tensor]]:
        """The values are the only channel."""
        return channels[:, 0], lambda slope: slope[:, None]


def problem_terms(disc: Discretization) -> tuple[Term, ...]:
    """The terms of the problem: the equation's, the trained conditions', the observations'."""
    equation = EquationTerm(RESIDUAL, "interior", disc.operators, disc.problem)
    conditions = [
        ConditionTerm(name, name, condition.operators, condition)
        for name, condition in disc.conditions.items()
    ]
    observed = [
        DataTerm(each.name, each.name, (), each.condition(disc.problem))
        for each in disc.observations
    ]
    return equation, *conditions, *observed


def fit_term(disc: Discretization) -> Term:
    """The term that fits the numerical solution on the grid."""
    return FitTerm(FIT, "grid", (), disc.partly_known)
