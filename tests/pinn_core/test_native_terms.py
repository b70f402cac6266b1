"""A loss term in one native call has the bits of forward, quantities, misfit and reverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core import Heat, Mlp
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.backends import native_terms
from pinn_core.engine.stack import padded
from pinn_core.objectives.term import LossGradient, Term
from pinn_core.objectives.terms import EquationTerm, fit_term, problem_terms
from pinn_core.problems import (
    AllenCahn,
    Burgers,
    Cavity,
    CavityStream,
    Helmholtz,
    KleinGordon,
    PoissonAnnulus,
    Problem,
)
from tests.pinn_core.backends import needs_native

pytestmark = needs_native

NETWORK = Mlp(width=40, depth=3, activation="gelu")
PROBLEMS: dict[str, Problem] = {
    "several chunks of points": Heat(points_per_axis=11),
    "coefficients and a multiple of the value": Helmholtz(points_per_axis=21),
    "a power": KleinGordon(points_per_axis=9),
    "partners and derivatives": AllenCahn(points_x=16, points_t=9),
    "normals and shares": PoissonAnnulus(points_per_axis=9, outer="robin"),
    "several residuals": Cavity(points_per_axis=9),
}
Calls = list[native_terms.Term]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The terms that were evaluated in one call."""
    made: Calls = []
    evaluate = native_terms.evaluate

    def watched(term: native_terms.Term, *arguments: Any) -> Any:
        made.append(term)
        return evaluate(term, *arguments)

    monkeypatch.setattr(native_terms, "evaluate", watched)
    return made


def _setting(problem: Problem, members: int, threads: int = 1) -> tuple[Discretization, Tensor]:
    disc = Discretization(problem, NETWORK, "float32", "cpu", threads, "native")
    parameters = torch.zeros(members, padded(disc.size))
    rows = [disc.initial(NETWORK, seed).float() for seed in range(members)]
    parameters[:, : disc.size] = torch.stack(rows)
    return disc, parameters


def _terms(disc: Discretization) -> list[tuple[Term, PointSet]]:
    terms = [*problem_terms(disc), fit_term(disc)] if not disc.partly_known else problem_terms(disc)
    return [(term, term.recorded_points(disc, 500)) for term in terms]


def _both_ways(
    term: Term, disc: Discretization, parameters: Tensor, points: PointSet
) -> list[tuple[LossGradient, Tensor]]:
    def every_point_alike(*_: Any) -> None:
        """Factors that are asked for, so that the loss is made step by step."""

    return [
        term.loss_and_gradient(disc, parameters, points),
        term.loss_and_gradient(disc, parameters, points, every_point_alike),
    ]


def _same(found: list[tuple[LossGradient, Tensor]]) -> bool:
    (one, values), (other, other_values) = found
    return (
        torch.equal(one.loss, other.loss)
        and torch.equal(one.gradient, other.gradient)
        and torch.equal(values, other_values)
    )


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize(("members", "threads"), [(3, 1), (1, 2)])
def test_one_call_gives_the_bits_of_its_parts(
    case: str, members: int, threads: int, calls: Calls
) -> None:
    disc, parameters = _setting(PROBLEMS[case], members, threads)
    for number, (term, points) in enumerate(_terms(disc), start=1):
        assert _same(_both_ways(term, disc, parameters, points))
        assert len(calls) == number


def test_members_may_have_points_of_their_own(calls: Calls) -> None:
    disc, parameters = _setting(PROBLEMS["partners and derivatives"], 3)
    for term, points in _terms(disc):
        rows = torch.randint(len(points), (3, 30), generator=torch.Generator().manual_seed(0))
        assert _same(_both_ways(term, disc, parameters, points.at(rows)))
    assert len(calls) == len(_terms(disc))


def test_a_term_without_a_native_form_is_made_of_its_parts(calls: Calls) -> None:
    disc, parameters = _setting(CavityStream(points_per_axis=9), 1)
    term, points = _terms(disc)[0]
    assert _same(_both_ways(term, disc, parameters, points))
    assert not calls


@dataclass(frozen=True)
class Halved(EquationTerm):
    """Half of the residual, as somebody may write who knows nothing of native forms."""

    def of_channels(self, channels: Tensor, point_set: PointSet) -> Tensor:
        return 0.5 * super().of_channels(channels, point_set)


def test_quantities_of_ones_own_are_asked_though_what_is_inherited_has_a_native_form(
    calls: Calls,
) -> None:
    disc, parameters = _setting(PROBLEMS["a power"], 2)
    term, points = _terms(disc)[0]
    own = Halved(term.name, term.points, term.operators, disc.problem)
    halved, _ = own.loss_and_gradient(disc, parameters, points)
    assert not calls
    whole, _ = term.loss_and_gradient(disc, parameters, points)
    assert torch.allclose(4 * halved.loss, whole.loss)
    assert torch.allclose(4 * halved.gradient, whole.gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("targets", PROBLEMS["normals and shares"]),
        ("coefficients", PROBLEMS["normals and shares"]),
        ("shares", Burgers(points_x=8, points_t=8)),
    ],
)
def test_a_table_that_is_too_narrow_is_refused_and_not_read_beyond(
    table: str, problem: Problem, calls: Calls
) -> None:
    disc, parameters = _setting(problem, 1)
    for term, points in _terms(disc):
        term.loss_and_gradient(disc, parameters, points)
    held = next(call for call in calls if getattr(call, table) is not None)
    narrow = replace(held, **{table: getattr(held, table)[..., :0]})
    with pytest.raises(ValueError, match=f"{table} .* of a loss term, of every member"):
        native_terms.evaluate(narrow, parameters, 1)
