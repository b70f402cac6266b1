"""Loss terms of a pack, each with its own gradient: of the equation, a condition, data."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization, PointSet
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
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    point_set: PointSet,
    factors: Factors = no_factors,
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared residual, and the values at the same points."""
    points = point_set.coordinates
    way = disc.linearize(parameters, points, disc.operators)
    residual, to_channels = _residual(disc.problem, way.channels, points)
    nothing = residual.new_zeros(1, *residual.shape[1:])
    loss, slope = _misfit("residual", residual, nothing, points, factors, None, disc.backend)
    return Term(loss, way.reverse(to_channels(slope))), way.channels[:, 0]


def quantities(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    name: str,
    points: Float[Tensor, "#m n d"],
) -> tuple[Float[Tensor, "m _ q"], Callable[[Tensor], Float[Tensor, "m p"]]]:
    """What a term squares at given points, and the gradient that belongs to an adjoint of it."""
    if name == "residual":
        way = disc.linearize(parameters, points, disc.operators)
        found, to_channels = _residual(disc.problem, way.channels, points)
    elif name in disc.conditions:
        condition = disc.conditions[name]
        way = disc.linearize(parameters, _with_partners(condition, points), condition.operators)
        found, to_channels = _quantities(condition, way.channels)
    else:
        way = disc.linearize(parameters, points)
        found, to_channels = way.channels[:, 0], lambda slope: slope[:, None]
    return found, lambda adjoint: way.reverse(to_channels(adjoint))


def differentiable_loss(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    name: str,
    point_set: PointSet,
    factors: Factors = no_factors,
) -> Float[Tensor, " m"]:
    """A term's loss at given points, differentiable by autograd to any order.

    In the precision of the parameters; the factors are constants. Terms that are no condition's and
    not the residual's fit the reference.
    """
    points = point_set.coordinates.to(parameters.dtype)
    if name == "residual":
        channels = disc.differentiable(parameters, points, disc.operators)
        mismatch = disc.problem.residual(channels, points)
    elif name in disc.conditions:
        condition = disc.conditions[name]
        places = _with_partners(condition, points)
        channels = disc.differentiable(parameters, places, condition.operators)
        mismatch = _quantities(condition, channels)[0] - point_set["target"]
    else:
        values = disc.differentiable(parameters, points)[:, 0]
        mismatch = values - _as_far_as_known(disc, point_set["reference"], values)
    squares = mismatch.square()
    if name in disc.conditions and "share" in point_set.tables:
        squares = squares * point_set["share"]
    weights = factors(name, mismatch.detach().square().sum(2), point_set.coordinates)
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
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    name: str,
    point_set: PointSet,
    factors: Factors = no_factors,
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """The loss of one of the problem's conditions on some of its points, and the values there."""
    condition = disc.conditions[name]
    points = _with_partners(condition, point_set.coordinates)
    way = disc.linearize(parameters, points, condition.operators)
    found, to_channels = _quantities(condition, way.channels)
    share = point_set["share"][..., 0] if "share" in point_set.tables else None
    loss, slope = _misfit(
        name, found, point_set["target"], point_set.coordinates, factors, share, disc.backend
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
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    point_set: PointSet,
    target: Float[Tensor, "#m n k"],
) -> tuple[Term, Float[Tensor, "m n k"]]:
    """Mean squared distance from what is demanded at the points, and the values there.

    Of a component that is not known (NaN) nothing is demanded; NaN if none is known.
    """
    way = disc.linearize(parameters, point_set.coordinates)
    values = way.channels[:, 0]
    loss, slope = misfit(values, _as_far_as_known(disc, target, values), disc.backend)
    return Term(loss, way.reverse(slope[:, None])), values


def _as_far_as_known(
    disc: Discretization, target: Float[Tensor, "#m n k"], values: Float[Tensor, "m n k"]
) -> Float[Tensor, "_ n k"]:
    """What is demanded, with the networks' own values in components that are not known."""
    if not disc.partly_known:
        return target
    return torch.where(target.isnan(), values, target)


def _misfit(
    name: str,
    found: Float[Tensor, "m n q"],
    target: Float[Tensor, "#m n q"],
    points: Float[Tensor, "_ n d"],
    factors: Factors,
    share: Float[Tensor, "_ n"] | None,
    backend: str,
) -> tuple[Float[Tensor, " m"], Float[Tensor, "m n q"]]:
    """Mean over points of factor times share times squared mismatch, and its derivative."""
    if factors is no_factors and share is None:
        return misfit(found, target, backend)
    mismatch = found - target
    squares = mismatch.square().sum(2)
    weights = factors(name, squares, points)
    if share is not None:
        weights = share if weights is None else weights * share
    if weights is None:
        return misfit(found, target, backend)
    loss = (weights * squares).sum(1, dtype=torch.float64) / squares.shape[1]
    return loss, (2 / squares.shape[1]) * weights[..., None] * mismatch
