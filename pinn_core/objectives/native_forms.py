"""Loss terms as the native backend takes them, points, targets and all."""

from typing import TYPE_CHECKING

from pinn_core.discretization.discretization import COEFFICIENTS, Discretization, PointSet
from pinn_core.engine.backends.native_terms import Term as NativeTerm
from pinn_core.engine.operators import Channels
from pinn_core.engine.propagation import straightened
from pinn_core.parts import stands_for

if TYPE_CHECKING:
    from pinn_core.objectives.term import Term

METHODS = ("of_channels", "with_adjoint", "linearize", "target")
"""What a native form stands for; a subclass with one of its own is asked for that."""


def serves(disc: Discretization) -> bool:
    """Whether the native backend makes all channels of a discretization by itself."""
    return disc.backend == "native" and disc.plain


def native_term(
    term: "Term", disc: Discretization, point_set: PointSet, count: int
) -> NativeTerm | None:
    """A term at ``count`` of these points, if it has a native form there."""
    if not all(stands_for(term, "native_form", method) for method in METHODS):
        return None
    form = term.native_form(disc)
    if form is None or any(op.third for op in term.operators):
        return None
    columns, quantities = form.polynomials.columns, len(form.polynomials.quantities)
    if columns and COEFFICIENTS not in point_set.tables:
        return None
    places = term.evaluated_at(point_set.coordinates)
    stack, points, operators = straightened(disc.stack, places, term.operators)
    target = (
        points.new_zeros(1, len(point_set), quantities)
        if form.target is None
        else point_set[form.target]
    )
    share = term.share(point_set)
    return NativeTerm(
        stack,
        Channels(operators, points.shape[2]),
        form.polynomials,
        points,
        target,
        None if share is None else share.expand(-1, -1, quantities),
        point_set[COEFFICIENTS] if columns else None,
        count,
    )
