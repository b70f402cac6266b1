"""The kinds of loss terms: of equations, conditions, observations, and of the solution itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from operator import add
from typing import ClassVar

from jaxtyping import Bool, Float

from pinn_core.discretization.ansatz import Linearization
from pinn_core.discretization.discretization import COEFFICIENTS, Discretization, PointSet
from pinn_core.engine.polynomials import Polynomials, Product
from pinn_core.objectives.term import FIT, RESIDUAL, NativeForm, Origin, Term
from pinn_core.problems import Condition, Problem
from pinn_core.tensors import Tensor, torch


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
