"""Backtracking to Armijo's condition, as a search and as gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from pinn_core.optimizers import GradientDescentArmijo
from pinn_core.optimizers.line_search import LinePoint, armijo
from pinn_core.optimizers.stopping import GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from tests.pinn_core.test_optimizers import Loss, Pack, network, rosenbrock, starts

Line = Callable[[float], float]


def search(
    line: Line, slope: float, length: float, most: int = 40
) -> tuple[LinePoint, list[float]]:
    """What the search returns, and the lengths that it tried."""
    searching = armijo(LinePoint(0.0, line(0.0), slope, 1.0), length, most=most)
    tried = [next(searching)]
    while True:
        try:
            tried.append(searching.send(LinePoint(tried[-1], line(tried[-1]), 0.0, 0.0)))
        except StopIteration as end:
            return end.value, tried


@pytest.mark.parametrize(("curvature", "expected"), [(1.0, 1.0), (2.0, 0.5), (100.0, 2.0**-6)])
def test_the_first_halving_that_falls_enough_is_taken(curvature: float, expected: float) -> None:
    """On (curvature / 2) t^2 - t the condition is t <= 1.8 / curvature."""
    found, tried = search(lambda t: curvature / 2 * t * t - t, -1.0, 1.0)
    assert found.length == expected
    assert tried == [2.0**-power for power in range(len(tried))]
    assert found.loss <= 0.1 * found.length * -1.0


def test_what_is_not_finite_is_stepped_back_from() -> None:
    for bad in (math.nan, math.inf):
        found, _ = search(lambda t: bad if t > 0.3 else -t, -1.0, 1.0)  # noqa: B023
        assert found.length == 0.25


def test_without_a_step_it_ends_where_it_began() -> None:
    found, tried = search(lambda t: t, -1.0, 1.0, most=7)
    assert found == LinePoint(0.0, 0.0, -1.0, 1.0)
    assert len(tried) == 7


def backtracked(loss: Loss, theta: torch.Tensor, steps: int) -> tuple[torch.Tensor, int]:
    """The end of a textbook's gradient descent with backtracking, and the losses it evaluated."""
    evaluations = 0
    for _ in range(steps):
        theta = theta.clone().requires_grad_()
        now = loss(theta)
        (gradient,) = torch.autograd.grad(now, theta)
        theta, length = theta.detach(), 1.0
        while True:
            evaluations += 1
            if loss(theta - length * gradient) <= now - 0.1 * length * gradient.dot(gradient):
                break
            length /= 2
        theta = theta - length * gradient
    return theta, evaluations


def test_it_walks_as_a_textbook_does_at_the_same_cost() -> None:
    losses, theta = [rosenbrock, network(3.0)], starts(2, 25)
    pack = Pack(GradientDescentArmijo(), losses, theta)
    path = pack.walk(30)
    for member, loss in enumerate(losses):
        expected, evaluations = backtracked(loss, theta[member], 30)
        torch.testing.assert_close(path[-1, member], expected, rtol=1e-9, atol=1e-12)
        assert int(pack.state["evaluations"][member]) == evaluations
        assert pack.evaluations[member] == evaluations + 30  # every step brings one
    assert pack.state["stopped"].tolist() == [RUNNING] * 2


@pytest.mark.parametrize(
    ("loss", "at", "reason"),
    [
        (lambda theta: theta.square().sum() / 2, 0.0, GRADIENT),
        (lambda theta: theta.sum() + 9 * (theta.sum() != 1), 1.0, NO_DESCENT),  # a pit
        (lambda theta: theta.sqrt().sum(), -1.0, NOT_FINITE),
    ],
    ids=["flat", "pit", "nan"],
)
def test_a_member_stops_for_a_reason_and_the_others_go_on(
    loss: Loss, at: float, reason: int
) -> None:
    goes_on: Loss = lambda theta: theta.exp().sum()  # noqa: E731
    optimizer, theta = GradientDescentArmijo(), torch.tensor([[at], [0.5]]).double()
    pack = Pack(optimizer, [loss, goes_on], theta)
    path = pack.walk(6)
    assert pack.state["stopped"].tolist() == [reason, RUNNING]
    assert torch.equal(path[:, 0], torch.full((6, 1), at).double())
    alone = Pack(optimizer, [goes_on], theta[1:])
    assert torch.equal(alone.walk(6), path[:, 1:])


@pytest.mark.parametrize(("field", "value"), [("shrink", 1.0), ("slope_fraction", 0.0)])
def test_bad_fields_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be .* found"):
        GradientDescentArmijo(**{field: value})  # type: ignore[arg-type]
