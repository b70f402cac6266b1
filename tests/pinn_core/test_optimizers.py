"""Optimizers beyond Adam's own formula: schedules, gradient descent, L-BFGS against torch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core.optimizers import LBFGS, Adam, GradientDescent, Optimizer, StepContext
from pinn_core.optimizers.line_search import LinePoint, strong_wolfe
from pinn_core.optimizers.schedule import decayed
from pinn_core.optimizers.stopping import CHANGE, GRADIENT, NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.optimizers.two_loop import descent_direction, no_pairs, remember
from tests.pinn_core.backends import BACKENDS

Loss = Callable[[Tensor], Tensor]


def rosenbrock(theta: Tensor) -> Tensor:
    """Nocedal and Wright's chain, with its minimum 0 at ones."""
    left, right = theta[:-1], theta[1:]
    return (100 * (right - left**2) ** 2 + (1 - left) ** 2).sum()


def network(frequency: float) -> Loss:
    """Least squares of a 1-8-1 tanh network on 20 points of a sine."""
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]

    def loss(theta: Tensor) -> Tensor:
        inner, bias, outer = theta[:8], theta[8:16], theta[16:24]
        points = x.to(theta.dtype)
        found = torch.tanh(points * inner + bias) @ outer + theta[24]
        return (found - torch.sin(frequency * points[:, 0])).square().mean()

    return loss


class Pack:
    """Members walking down losses of their own; counts what is evaluated."""

    def __init__(
        self, optimizer: Optimizer, losses: Sequence[Loss], theta: Tensor, **settings: list[float]
    ) -> None:
        self.optimizer, self.losses, self.theta = optimizer, losses, theta
        default = {n: [getattr(optimizer, n)] * len(losses) for n in optimizer.per_member}
        self.settings = {
            name: torch.tensor(values, dtype=theta.dtype)[:, None]
            for name, values in (default | settings).items()
        }
        self.state = optimizer.start(theta)
        self.evaluations = [0] * len(losses)
        self.now = 0

    def evaluate(self, points: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        found = [self._one(point, member) for point, member in zip(points, members, strict=True)]
        return torch.stack([loss for loss, _ in found]), torch.stack([slope for _, slope in found])

    def _one(self, point: Tensor, member: int) -> tuple[Tensor, Tensor]:
        self.evaluations[member] += 1
        point = point.clone().requires_grad_()
        loss = self.losses[member](point)
        return loss.detach().double(), torch.autograd.grad(loss, point)[0]

    def walk(self, steps: int, backend: str = "auto") -> Tensor:
        """Parameters after every step: (steps, m, P)."""
        path = []
        for _ in range(steps):
            loss, gradient = self.evaluate(self.theta, range(len(self.losses)))
            context = StepContext(self.theta, loss, gradient, self.evaluate)
            update = self.optimizer.update(self.settings, self.state, context, self.now, backend)
            self.theta, self.now = self.theta + update, self.now + 1
            path.append(self.theta)
        return torch.stack(path)


def starts(members: int, size: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(members, size, generator=generator, dtype=torch.float64).to(dtype)


def torchs(loss: Loss, theta: Tensor, steps: int, **options: Any) -> Tensor:
    """Iterates of torch.optim.LBFGS, one inner iteration a call: (steps, P)."""
    theta = theta.clone().requires_grad_()
    theirs = torch.optim.LBFGS(
        [theta], max_iter=1, max_eval=26, line_search_fn="strong_wolfe", **options
    )

    def closure() -> Tensor:
        theirs.zero_grad()
        value = loss(theta)
        value.backward()
        return value

    path = []
    for _ in range(steps):
        theirs.step(closure)
        path.append(theta.detach().clone())
    return torch.stack(path)


@pytest.mark.parametrize(("backend", "rate", "history"), [("eager", 1.0, 7), ("auto", 0.01, 20)])
def test_lbfgs_is_torchs(backend: str, rate: float, history: int) -> None:
    losses = [rosenbrock, network(3.0)]
    theta = starts(2, 25)
    pack = Pack(LBFGS(learning_rate=rate, history=history), losses, theta)
    path = pack.walk(50, backend)
    for member, loss in enumerate(losses):
        options = {"lr": rate, "history_size": history}
        expected = torchs(loss, theta[member], 50, **options)
        # Rounding grows along the way: theirs, started one bit further, departs from itself.
        moved = torchs(loss, theta[member] * (1 + 2.3e-16), 50, **options)
        allowed = 1e-10 + 20 * float((moved - expected).abs().max())
        assert float((path[:, member] - expected).abs().max()) < allowed < 1e-5
    assert pack.state["stopped"].tolist() == [RUNNING] * 2


@pytest.mark.parametrize("history", [3, 8])
def test_the_direction_is_minus_h_times_the_gradient(history: int) -> None:
    steps, noise = starts(2, 12), torch.zeros(2, 12, dtype=torch.float64)
    curvature = torch.linspace(1, 30, 12, dtype=torch.float64)
    state, dense = no_pairs(steps, history), torch.eye(12, dtype=torch.float64)
    pairs = []
    for turn in range(6):
        steps, noise = steps.roll(1, 1) + 0.1 * turn, noise.roll(5, 1) + 0.01 * steps
        differences = steps * curvature + noise
        remember(state, [0], steps[:1], differences[:1])
        remember(state, [0], steps[:1], -differences[:1])  # of negative curvature: left out
        pairs.append((steps[0], differences[0]))
    s, y = pairs[-1]
    dense *= s.dot(y) / y.dot(y)
    for s, y in pairs[-history:]:  # Nocedal and Wright 2006, equation 7.16
        v = torch.eye(12, dtype=torch.float64) - y.outer(s) / s.dot(y)
        dense = v.T @ dense @ v + s.outer(s) / s.dot(y)
    gradient = starts(1, 12)[0]
    torch.testing.assert_close(descent_direction(state, 0, gradient), -(dense @ gradient))
    assert torch.equal(descent_direction(state, 1, gradient), -gradient)
    assert state["pairs"].tolist() == [6, 0]


@pytest.mark.parametrize("tolerance", [1e-9, 3e-3])
def test_lbfgs_stops_where_one_long_call_of_torchs_does(tolerance: float) -> None:
    losses, theta = [rosenbrock] * 3, starts(3, 4)
    pack = Pack(LBFGS(tolerance_change=tolerance), losses, theta)
    path = pack.walk(60)
    reasons = pack.state["stopped"].tolist()
    assert RUNNING not in reasons
    for member, loss in enumerate(losses):
        theirs, state = long_call(loss, theta[member], tolerance_change=tolerance)
        counted = state["n_iter"] - (reasons[member] == NO_DESCENT)  # theirs counts that one too
        assert int(pack.state["iterations"][member]) == counted
        assert int(pack.state["evaluations"][member]) == state["func_evals"] - 1
        assert float((path[-1, member] - theirs).abs().max()) < 1e-10


def long_call(loss: Loss, theta: Tensor, **options: Any) -> tuple[Tensor, dict[str, Any]]:
    theta = theta.clone().requires_grad_()
    theirs = torch.optim.LBFGS([theta], max_iter=1000, line_search_fn="strong_wolfe", **options)

    def closure() -> Tensor:
        theirs.zero_grad()
        value = loss(theta)
        value.backward()
        return value

    theirs.step(closure)
    return theta.detach(), theirs.state[theta]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_members_bits_depend_on_nobody_else(backend: str, dtype: torch.dtype) -> None:
    losses = [network(3.0), lambda theta: theta.square().sum().log(), network(6.0), rosenbrock]
    theta, rates = starts(4, 25, dtype), [1.0, 0.5, 0.1, 2.0]
    theta[1] = 0.0  # log 0: not finite from the start
    optimizer = LBFGS(history=5)
    together = Pack(optimizer, losses, theta, learning_rate=rates)
    path = together.walk(12, backend)
    assert together.state["stopped"].tolist() == [RUNNING, NOT_FINITE, RUNNING, RUNNING]
    assert torch.equal(path[-1, 1], theta[1])
    for member in range(4):
        own = slice(member, member + 1)
        alone = Pack(optimizer, losses[own], theta[own], learning_rate=rates[own])
        assert torch.equal(alone.walk(12, backend), path[:, own])
        for name, value in alone.state.items():
            assert torch.equal(value, together.state[name][own]), name


@pytest.mark.parametrize(
    ("loss", "at", "reason", "iterations"),
    [
        (lambda theta: theta.square().sum() / 2, 1e-8, GRADIENT, 0),
        (lambda theta: theta.square().sum() / 2, 1.0, GRADIENT, 1),  # its first step lands on 0
        (lambda theta: theta.abs().pow(1.5).sum(), 1e-4, CHANGE, 2),
        (lambda theta: 1e-6 * theta.square().sum(), 1.0, NO_DESCENT, 0),
        (lambda theta: theta.sum() + 9 * (theta.sum() != 1), 1.0, NO_DESCENT, 1),  # a pit
        (lambda theta: theta.sqrt().sum(), -1.0, NOT_FINITE, 0),
        (lambda theta: theta.sqrt().sum(), 0.0, NOT_FINITE, 0),  # infinitely steep
    ],
    ids=["flat", "lands", "kink", "level", "pit", "nan", "steep"],
)
def test_a_member_stops_for_a_reason(loss: Loss, at: float, reason: int, iterations: int) -> None:
    goes_on: Loss = lambda theta: theta.exp().sum()  # noqa: E731
    pack = Pack(LBFGS(), [loss, goes_on], torch.tensor([[at], [0.5]]).double())
    path = pack.walk(6)
    assert pack.state["stopped"].tolist() == [reason, RUNNING]
    assert pack.state["iterations"].tolist() == [iterations, 6]
    assert torch.equal(path[iterations:, 0], path[-1:, 0].expand(6 - iterations, 1))


def test_who_has_stopped_costs_nothing() -> None:
    pack = Pack(LBFGS(), [rosenbrock] * 3, starts(3, 2))
    pack.walk(40)
    assert (pack.state["stopped"] != RUNNING).all()
    before, spent = {name: value.clone() for name, value in pack.state.items()}, pack.evaluations[:]
    pack.walk(5)
    assert pack.evaluations == [count + 5 for count in spent]  # the one that every step brings
    assert all(torch.equal(value, before[name]) for name, value in pack.state.items())


def test_searches_go_in_lockstep_and_are_counted() -> None:
    pack, calls = Pack(LBFGS(learning_rate=0.01), [rosenbrock] * 3, starts(3, 6)), []
    evaluate = pack.evaluate

    def counting(points: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        calls.append(list(members))
        return evaluate(points, members)

    pack.evaluate = counting  # type: ignore[method-assign]
    pack.walk(20)
    counts = pack.state["evaluations"]
    assert [sum(member in call for call in calls) - 20 for member in range(3)] == counts.tolist()
    assert len(calls) - 20 < 0.6 * counts.sum()


def test_resumed_equals_uninterrupted(tmp_path: Any) -> None:
    losses, theta = [network(3.0), rosenbrock], starts(2, 25)
    expected = Pack(LBFGS(history=4), losses, theta).walk(20)
    first = Pack(LBFGS(history=4), losses, theta)
    first.walk(9)
    torch.save((first.theta, first.state), tmp_path / "checkpoint")
    again = Pack(LBFGS(history=4), losses, theta)
    again.theta, again.state = torch.load(tmp_path / "checkpoint")
    again.now = 9
    assert torch.equal(again.walk(11), expected[9:])


@pytest.mark.parametrize("length", [1e-3, 0.1, 1.0, 10.0])
@pytest.mark.parametrize(
    "line",  # More and Thuente 1994, equations 5.1 and 5.2, and a steep exponential
    [
        lambda t: -t / (t.square() + 2),
        lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
        lambda t: (3 * t).exp() - 9 * t,
    ],
    ids=["5.1", "5.2", "exp"],
)
def test_a_search_ends_with_both_wolfe_conditions(line: Loss, length: float) -> None:
    start = trial_of(line, 0.0)
    end = search(line, length)
    assert end.loss <= start.loss + 1e-4 * end.length * start.slope
    assert abs(end.slope) <= 0.9 * abs(start.slope)
    assert end == trial_of(line, end.length)


def test_a_search_steps_back_from_infinity_and_runs_into_nan() -> None:
    wall = search(lambda t: (t - 2) ** 2 + torch.where(t > 1.5, torch.inf, 0.0), 10.0)
    assert 0 < wall.length <= 1.5
    cliff = search(lambda t: (1e-3 - t).sqrt(), 1.0)
    assert cliff.length > 1 and cliff.loss != cliff.loss


def trial_of(line: Loss, length: float) -> LinePoint:
    at = torch.tensor(length, dtype=torch.float64, requires_grad=True)
    loss = line(at)
    (slope,) = torch.autograd.grad(loss, at)
    return LinePoint(length, float(loss.detach()), float(slope), abs(float(slope)))


def search(line: Loss, length: float) -> LinePoint:
    searching = strong_wolfe(trial_of(line, 0.0), length, narrowest=1e-9)
    trial = next(searching)
    while True:
        try:
            trial = searching.send(trial_of(line, trial))
        except StopIteration as end:
            found: LinePoint = end.value
            return found


@pytest.mark.parametrize("on_device", [False, True])
def test_rates_decay_continuously(on_device: bool) -> None:
    rates = torch.tensor([[1e-3], [2.0]], dtype=torch.float64)
    for step in (0, 1, 500, 1000, 2500):
        found = decayed(rates, 0.9, 1000, torch.tensor(step) if on_device else step)
        torch.testing.assert_close(found, rates * 0.9 ** (step / 1000), rtol=1e-15, atol=0.0)
    assert decayed(rates.float(), 0.9, 1000, torch.tensor(7)).dtype == torch.float32
    assert decayed(rates, 1.0, 1000, 77) is rates


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("family", [Adam, GradientDescent])
def test_a_decayed_phase_is_one_with_rates_set_by_hand(
    backend: str, dtype: torch.dtype, family: type[Adam | GradientDescent]
) -> None:
    losses, theta = [network(3.0), rosenbrock], starts(2, 25, dtype)
    decaying = Pack(family(decay=0.5, decay_steps=10), losses, theta, learning_rate=[1e-2, 1e-4])
    by_hand = Pack(family(), losses, theta)
    rates = torch.tensor([[1e-2], [1e-4]], dtype=dtype)
    for step in range(12):
        by_hand.settings = {"learning_rate": rates * 0.5 ** (step / 10)}
        assert torch.equal(decaying.walk(1, backend), by_hand.walk(1, backend))


def test_gradient_descent_goes_down_the_gradient() -> None:
    pack = Pack(
        GradientDescent(),
        [lambda theta: theta.square().sum() / 2] * 2,
        torch.tensor([[1.0, -2.0]] * 2).double(),
        learning_rate=[0.5, 0.25],
    )
    expected = torch.tensor([[0.125, -0.25], [0.421875, -0.84375]]).double()
    assert torch.equal(pack.walk(3)[-1], expected)


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        (Adam, "decay", 0.0),
        (Adam, "decay_steps", 0),
        (GradientDescent, "decay", -0.9),
        (GradientDescent, "learning_rate", 0.0),
        (GradientDescent, "steps", 0),
        (LBFGS, "steps", 0),
        (LBFGS, "learning_rate", float("nan")),
        (LBFGS, "history", 0),
        (LBFGS, "tolerance_gradient", -1e-9),
        (LBFGS, "tolerance_change", float("inf")),
    ],
)
def test_bad_fields_are_refused(family: type[Any], field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be .* found"):
        family(**{field: value})
