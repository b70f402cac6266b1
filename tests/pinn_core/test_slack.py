"""L-BFGS where losses fall by less than their rounding: with ``slack`` slopes tell the way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pinn_core.optimizers import LBFGS
from pinn_core.optimizers.line_search import LinePoint, strong_wolfe
from pinn_core.optimizers.stopping import NO_DESCENT
from tests.pinn_core.backends import BACKENDS
from tests.pinn_core.test_optimizers import Loss, Pack, rosenbrock, starts

SLOPE = 1e-6
"""So small that what Armijo asks in a step is less than the rounding of a loss of 1."""


def patient(slack: float) -> LBFGS:
    return LBFGS(tolerance_gradient=0.0, tolerance_change=0.0, slack=slack)


def lifted(loss: Loss, height: float) -> Loss:
    """The same gradient on a loss so high that float32 rounds its changes away."""
    return lambda theta: loss(theta) + height


def searched(losses: list[float], slopes: list[float], slack: float) -> LinePoint:
    """Where a search ends that meets these losses, and slopes in parts of the first, in turn."""
    start = LinePoint(0.0, 1.0, -SLOPE, 1.0)
    searching = strong_wolfe(start, 1.0, narrowest=0.0, slack=slack)
    length = next(searching)
    for loss, slope in zip(losses, slopes, strict=True):
        try:
            length = searching.send(LinePoint(length, loss, SLOPE * slope, 1.0))
        except StopIteration as end:
            found: LinePoint = end.value
            return found
    raise AssertionError("it goes on")


def test_a_rounded_loss_is_accepted_where_the_slope_is_flat() -> None:
    flat = searched([1.0 + 0.9e-6], [0.5], slack=1e-6)
    assert (flat.length, flat.loss) == (1.0, 1.0 + 0.9e-6)


@pytest.mark.parametrize(
    ("loss", "slope", "slack"),
    [(1.0 + 1.1e-6, 0.5, 1e-6), (1.0, 0.95, 1e-6), (1.0, 0.5, 0.0)],
    ids=["higher", "steep", "no slack"],
)
def test_nothing_else_is(loss: float, slope: float, slack: float) -> None:
    with pytest.raises(AssertionError, match="it goes on"):
        searched([loss], [slope], slack)


def test_a_trial_between_the_ends_is_accepted_too() -> None:
    end = searched([2.0, 1.0], [3.0, 0.1], slack=1e-6)
    assert 0 < end.length < 1.0
    assert end.loss == 1.0


def test_it_walks_on_along_a_slope_while_the_loss_stays_the_same() -> None:
    end = searched([1.0, 1.0, 1.0 + 5e-7], [-1.0, -0.95, -0.5], slack=1e-6)
    assert end.length == 100.0  # ten times the last; the slopes vanish at 181


def test_of_two_ends_the_slopes_tell_where_between_to_look() -> None:
    end = searched([1.0, 1.0 + 5e-7, 1.0], [2.0, -0.95, 0.1], slack=1e-6)
    assert 0.0 < end.length < 1.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_slack_goes_on_where_rounding_stops_the_search(backend: str) -> None:
    theta = starts(1, 8, torch.float32)
    losses = [lifted(rosenbrock, 1e4)]

    def ended(slack: float) -> tuple[int, Tensor]:
        pack = Pack(patient(slack), losses, theta)
        path = pack.walk(200, backend)
        return int(pack.state["stopped"]), path[-1, 0]

    reason, stuck = ended(0.0)
    assert reason == NO_DESCENT
    _, found = ended(1e-6)
    left, least = (float(rosenbrock(each.double())) for each in (stuck, found))
    assert least < 1e-4 * left


@pytest.mark.parametrize("slack", [-1e-9, 0.02, float("nan")])
def test_a_slack_that_is_no_rounding_is_refused(slack: float) -> None:
    with pytest.raises(ValueError, match=r"slack must lie in \[0, 0.01\]"):
        LBFGS(slack=slack)
