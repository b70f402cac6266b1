"""Loss terms of a pack, each with its own gradient: of the equation, a condition, data."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Cloud, Field
from pinn_core.problems import Condition, Problem
from pinn_core.vectors.squares import misfit

Factors = Callable[[str, Tensor, Tensor], Tensor | None]
"""A weighting's factors of the squared mismatches (m, n), by term and points; None means ones."""


def no_factors(name: str, squares: Tensor, points: Tensor) -> None:
    """Every point counts alike."""


@dataclass(frozen=True)
class Term:
    """A loss term of every member: its mean over the points and its gradient."""

    loss: Float[Tensor, " m"]
    gradient: Float[Tensor, "m p"]


def residual_term(
    field: Field, parameters: Float[Tensor, "m p"], cloud: Cloud, factors: Factors = no_factors
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared residual, and the values at the same points."""
    points = cloud.coordinates
    way = field.carry(parameters, points, field.operators)
    residual, to_channels = _residual(field.problem, way.channels, points)
    nothing = residual.new_zeros(1, *residual.shape[1:])
    loss, slope = _misfit("residual", residual, nothing, points, factors, None, field.backend)
    return Term(loss, way.reverse(to_channels(slope))), way.channels[:, 0]


def quantities(
    field: Field, parameters: Float[Tensor, "m p"], name: str, points: Float[Tensor, "#m n d"]
) -> tuple[Float[Tensor, "m _ q"], Callable[[Tensor], Float[Tensor, "m p"]]]:
    """What a term squares at given points, and the gradient that belongs to an adjoint of it."""
    if name == "residual":
        way = field.carry(parameters, points, field.operators)
        found, to_channels = _residual(field.problem, way.channels, points)
    elif name in field.conditions:
        condition = field.conditions[name]
        way = field.carry(parameters, _with_partners(condition, points), condition.operators)
        found, to_channels = _quantities(condition, way.channels)
    else:
        way = field.carry(parameters, points)
        found, to_channels = way.channels[:, 0], lambda slope: slope[:, None]
    return found, lambda adjoint: way.reverse(to_channels(adjoint))


def differentiable_loss(
    field: Field,
    parameters: Float[Tensor, "m p"],
    name: str,
    cloud: Cloud,
    factors: Factors = no_factors,
) -> Float[Tensor, " m"]:
    """A term's loss at a cloud's points, differentiable by autograd to any order.

    In the precision of the parameters; the factors are constants. Terms that are no condition's and
    not the residual's fit the reference.
    """
    points = cloud.coordinates.to(parameters.dtype)
    if name == "residual":
        channels = field.differentiable(parameters, points, field.operators)
        mismatch = field.problem.residual(channels, points)
    elif name in field.conditions:
        condition = field.conditions[name]
        places = _with_partners(condition, points)
        channels = field.differentiable(parameters, places, condition.operators)
        mismatch = _quantities(condition, channels)[0] - cloud["demanded"]
    else:
        values = field.differentiable(parameters, points)[:, 0]
        mismatch = values - _as_far_as_known(field, cloud["reference"], values)
    squares = mismatch.square()
    if name in field.conditions and "share" in cloud.tables:
        squares = squares * cloud["share"]
    weights = factors(name, mismatch.detach().square().sum(2), cloud.coordinates)
    if weights is not None:
        squares = squares * weights[..., None]
    return squares.flatten(1).sum(1) / points.shape[1]


def _residual(
    problem: Problem, channels: Tensor, points: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Residuals, and how an adjoint of them becomes one of the channels."""
    if problem.linear:  # what autograd would give, for a tenth of a small network's step less

        def placed(slope: Tensor) -> Tensor:
            adjoint = torch.zeros_like(channels)
            adjoint[:, 1:] = slope.mT[..., None]
            return adjoint

        return problem.residual(channels, points), placed
    with torch.enable_grad():
        own = channels.detach().requires_grad_()
        residual = problem.residual(own, points)

    def back(slope: Tensor) -> Tensor:
        return torch.autograd.grad(residual, own, slope, retain_graph=True)[0]

    return residual.detach(), back


def condition_term(
    field: Field,
    parameters: Float[Tensor, "m p"],
    name: str,
    cloud: Cloud,
    factors: Factors = no_factors,
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """The loss of one of the field's conditions on a cloud of its points, and the values there."""
    condition = field.conditions[name]
    points = _with_partners(condition, cloud.coordinates)
    way = field.carry(parameters, points, condition.operators)
    found, to_channels = _quantities(condition, way.channels)
    share = cloud["share"][..., 0] if "share" in cloud.tables else None
    loss, slope = _misfit(
        name, found, cloud["demanded"], cloud.coordinates, factors, share, field.backend
    )
    return Term(loss, way.reverse(to_channels(slope))), way.channels[:, 0]


def _with_partners(condition: Condition, points: Tensor) -> Tensor:
    if condition.shift is None:
        return points
    return torch.cat([points, points + points.new_tensor(condition.shift)], dim=1)


def _quantities(
    condition: Condition, channels: Float[Tensor, "m c n k"]
) -> tuple[Float[Tensor, "m _ q"], Callable[[Tensor], Tensor]]:
    """What is compared with the demand, and how an adjoint of it becomes one of the channels."""
    if condition.plain and len(condition.places) == channels.shape[3]:
        return channels[:, 0], lambda slope: slope[:, None]
    found = torch.stack([channels[:, place, :, output] for place, output in condition.places], 2)
    pairs = found.shape[1] // 2
    if condition.shift is not None:
        found = found[:, :pairs] - found[:, pairs:]

    def placed(slope: Tensor) -> Tensor:
        both = slope if condition.shift is None else torch.cat([slope, -slope], dim=1)
        adjoint = torch.zeros_like(channels)
        for quantity, (place, output) in enumerate(condition.places):
            adjoint[:, place, :, output] += both[:, :, quantity]
        return adjoint

    return found, placed


def fit_term(
    field: Field, parameters: Float[Tensor, "m p"], cloud: Cloud, demanded: Float[Tensor, "#m n k"]
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared distance from what is demanded at the cloud's points, and the values there.

    Of a component that is not known (NaN) nothing is demanded; NaN if none is known.
    """
    way = field.carry(parameters, cloud.coordinates)
    values = way.channels[:, 0]
    loss, slope = misfit(values, _as_far_as_known(field, demanded, values), field.backend)
    return Term(loss, way.reverse(slope[:, None])), values


def _as_far_as_known(
    field: Field, demanded: Float[Tensor, "#m n k"], values: Float[Tensor, "m n k"]
) -> Float[Tensor, "_ n k"]:
    """What is demanded, with the networks' own values in components that are not known."""
    if not field.partly_known:
        return demanded
    return torch.where(demanded.isnan(), values, demanded)


def _misfit(
    name: str,
    found: Float[Tensor, "m n q"],
    demanded: Float[Tensor, "#m n q"],
    points: Float[Tensor, "_ n d"],
    factors: Factors,
    share: Float[Tensor, "_ n"] | None,
    backend: str,
) -> tuple[Float[Tensor, " m"], Float[Tensor, "m n q"]]:
    """Mean over points of factor times share times squared mismatch, and its derivative."""
    if factors is no_factors and share is None:
        return misfit(found, demanded, backend)
    mismatch = found - demanded
    squares = mismatch.square().sum(2)
    weights = factors(name, squares, points)
    if share is not None:
        weights = share if weights is None else weights * share
    if weights is None:
        return misfit(found, demanded, backend)
    loss = (weights * squares).sum(1, dtype=torch.float64) / squares.shape[1]
    return loss, (2 / squares.shape[1]) * weights[..., None] * mismatch
