"""L-BFGS and dense quasi-Newton methods against a textbook in numpy, on Rosenbrock and a PINN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from torch import Tensor

from pinn_core import Adam, Checkpointing, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import evaluate
from pinn_core.objectives.terms import problem_terms
from pinn_core.optimizers import LBFGS, SSBroyden
from pinn_core.optimizers.line_search import LinePoint, strong_wolfe
from pinn_core.optimizers.ssbroyden import MOST_PARAMETERS
from pinn_core.optimizers.stopping import NO_DESCENT, NOT_FINITE, RUNNING
from pinn_core.problems import Poisson
from pinn_core.training.checkpoint import Folder, every_steps
from tests.pinn_core.walking import Walk, fit, rosenbrock

Both = Callable[[ndarray], tuple[float, ndarray]]
RULES = ("ssbroyden", "ssbfgs", "bfgs")
NET = Mlp(width=6, depth=2, activation="tanh", init="glorot")
PROBLEM = Poisson(points_per_axis=24, c=2.0)


def textbook(both: Both, theta: ndarray, rule: str, steps: int) -> ndarray:
    """Iterates, (steps, P): Nocedal and Wright 2006 (6.17, 7.4), Urban et al. 2025, in matrices."""
    size, path, pairs = len(theta), [], []
    inverse, (loss, g) = np.eye(size), both(theta)
    for turn in range(steps):
        d = -two_loop(pairs, g) if rule == "lbfgs" else -inverse @ g
        first = min(1.0, 1 / float(np.abs(g).sum())) if turn == 0 else 1.0
        t = searched(both, theta, d, loss, g, first)
        s = t * d
        theta = theta + s
        loss, after = both(theta)
        y, old, g = after - g, g, after
        pairs.append((s, y))
        inverse = renewed(inverse, s, y, old, t, rule) if rule != "lbfgs" else inverse
        path.append(theta)
    return np.stack(path)


def two_loop(pairs: list[tuple[ndarray, ndarray]], g: ndarray) -> ndarray:
    """H g (algorithm 7.4), with every pair kept."""
    q, factors = g.copy(), []
    for s, y in reversed(pairs):
        factors.append((s @ q) / (s @ y))
        q = q - factors[-1] * y
    if pairs:
        s, y = pairs[-1]
        q = q * (s @ y) / (y @ y)
    for (s, y), factor in zip(pairs, reversed(factors), strict=True):
        q = q + s * (factor - (y @ q) / (s @ y))
    return q


def renewed(H: ndarray, s: ndarray, y: ndarray, g: ndarray, t: float, rule: str) -> ndarray:
    """H after a step s = t d from where the gradient was g."""
    n, rho = len(s), 1 / (y @ s)
    if rule == "bfgs":
        left = np.eye(n) - rho * np.outer(s, y)
        return left @ H @ left.T + rho * np.outer(s, s)
    Hy = H @ y
    h, b = rho * (y @ Hy), -t * rho * (s @ g)
    a = h * b - 1
    theta = 0.0
    if rule == "ssbroyden":
        r = min(1.0, h * (1 - np.sqrt(abs(a) / (1 + a))))
        theta = max((r - 1) / a, min(1 / r, (1 - b) / b))
    sigma = 1 + theta * a
    sn = abs(sigma) ** (1 / (1 - n))
    low = min(1.0, 1 / b)
    tau = min(low * sn, sigma) if theta <= 0 else low * min(sn, 1 / theta)
    phi = (1 - theta) / (1 + a * theta)
    v = s * rho - Hy / (y @ Hy)
    inside = H - np.outer(Hy, Hy) / (y @ Hy) + phi * (y @ Hy) * np.outer(v, v)
    return inside / tau + rho * np.outer(s, s)


def searched(
    both: Both, theta: ndarray, d: ndarray, loss: float, g: ndarray, first: float
) -> float:
    searching = strong_wolfe(LinePoint(0.0, loss, float(g @ d), 1.0), first, narrowest=0.0)
    t = next(searching)
    while True:
        try:
            there, slope = both(theta + t * d)
            t = searching.send(LinePoint(t, there, float(slope @ d), 1.0))
        except StopIteration as end:
            return float(end.value.length)


def by_autograd(loss: Callable[[Tensor], Tensor]) -> Both:
    def both(theta: ndarray) -> tuple[float, ndarray]:
        own = torch.from_numpy(theta).requires_grad_()
        value = loss(own)
        return float(value.detach()), torch.autograd.grad(value, own)[0].numpy()

    return both


def method(rule: str) -> Any:
    """The optimizer that stops at nothing."""
    if rule == "lbfgs":
        return LBFGS(history=500, tolerance_gradient=0.0, tolerance_change=0.0)
    return SSBroyden(rule=rule)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [2, 10])
@pytest.mark.parametrize("rule", ["lbfgs", *RULES])
def test_rosenbrocks_iterates_are_the_textbooks(rule: str, size: int) -> None:
    start = np.linspace(-1.2, 1.0, size)
    both = by_autograd(rosenbrock)
    expected, moved = (textbook(both, s, rule, 20) for s in (start, start * (1 + 2.3e-16)))
    path = Walk(method(rule), [rosenbrock], torch.from_numpy(start)[None]).walk(20)[:, 0].numpy()
    allowed = 1e-11 + 100 * np.abs(moved - expected).max()  # the textbook, one bit further
    assert np.abs(path - expected).max() < allowed < 1e-5


@pytest.mark.parametrize("rule", ["lbfgs", *RULES])
def test_all_reach_rosenbrocks_minimum_and_stop_there(rule: str) -> None:
    for size, steps in ((2, 45), (10, 110)):
        start = torch.linspace(-1.2, 1.0, size, dtype=torch.float64)[None]
        walk = Walk(method(rule), [rosenbrock], start)
        path = walk.walk(steps)
        assert float((path[-1] - 1).abs().max()) < 1e-9
        assert int(walk.state["stopped"][0]) != RUNNING


def pinn(rule: str, steps: int, **changes: Any) -> Configuration:
    one = Configuration(
        problem=PROBLEM,
        network=NET,
        objective=Pinn(lambda_b=1.0),
        phases=(replace(method(rule), steps=steps),),
        record=Record(points=20, gradient_points=20, sketch_every=0),
        precision="float64",
    )
    return replace(one, **changes)


@pytest.mark.parametrize("rule", ["lbfgs", *RULES])
def test_a_small_pinns_losses_are_the_textbooks(rule: str) -> None:
    disc = Discretization(PROBLEM, NET, "float64", backend="eager")

    def both(theta: ndarray) -> tuple[float, ndarray]:
        own = torch.from_numpy(theta)[None]
        batch = {"interior": disc.collocation, **disc.condition_points}
        terms = evaluate(problem_terms(disc), disc, own, batch).terms.values()
        gradient = sum((term.gradient for term in terms), torch.zeros_like(own))
        return float(sum(float(term.loss[0]) for term in terms)), gradient[0].numpy()

    start = disc.initial(NET, 3).numpy()
    expected = [both(theta)[0] for theta in textbook(both, start, rule, 12)]
    (run,) = train([Member(pinn(rule, 12), 3)], backend="eager")
    found = run.table["loss/batch"].to_pylist()[1:]
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_self_scaled_broyden_goes_far_down_after_adam() -> None:
    phases = (Adam(steps=100, learning_rate=1e-2), SSBroyden(steps=100))
    (run,) = train([Member(pinn("bfgs", 1, phases=phases), 0)])
    losses = run.table["loss/batch"].to_pylist()
    assert losses[-1] < 1e-3 * losses[100]


@pytest.mark.slow
def test_a_members_bits_depend_neither_on_its_pack_nor_on_a_resumption(tmp_path: Any) -> None:
    members = [Member(pinn("ssbroyden", 15), seed) for seed in (0, 1, 2)]
    together = train(members)
    for member, run in zip(members, together, strict=True):
        (alone,) = train([member])
        assert alone.digest() == run.digest()
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(7))
    train(members, checkpointing=checkpointing, stop_after=8)
    resumed = train(members, checkpointing=checkpointing)
    assert [run.digest() for run in resumed] == [run.digest() for run in together]


@pytest.mark.parametrize("rule", RULES)
def test_plain_members_bits_and_who_is_not_finite(rule: str) -> None:
    losses = [fit, lambda theta: theta.square().sum().log(), rosenbrock]
    theta = torch.linspace(-1, 1, 75, dtype=torch.float64).reshape(3, 25).sin()
    theta[1] = 0.0  # log 0: not finite from the start
    together = Walk(method(rule), losses, theta)
    path = together.walk(10)
    assert together.state["stopped"].tolist() == [RUNNING, NOT_FINITE, RUNNING]
    for member in range(3):
        own = slice(member, member + 1)
        alone = Walk(method(rule), losses[own], theta[own])
        assert torch.equal(alone.walk(10), path[:, own])
        assert all(torch.equal(v, together.state[n][own]) for n, v in alone.state.items())


def test_a_pair_across_a_change_of_the_loss_is_left_out() -> None:
    start = torch.linspace(-1.2, 1.0, 4, dtype=torch.float64)[None]
    walk = Walk(SSBroyden(rule="bfgs"), [rosenbrock], start)
    walk.walk(6)
    kept = walk.state["inverse"].clone()
    walk.losses = [lambda theta: 3 * rosenbrock(theta) + theta.sum()]
    walk.walk(1)
    assert torch.equal(walk.state["inverse"], kept)
    walk.walk(1)
    assert not torch.equal(walk.state["inverse"], kept)


def test_where_no_step_descends_a_member_stops() -> None:
    pit = lambda theta: theta.sum() + 9 * (theta.sum() != 1)  # noqa: E731
    walk = Walk(SSBroyden(), [pit], torch.ones(1, 1).double())
    walk.walk(3)
    assert walk.state["stopped"].tolist() == [NO_DESCENT]
    assert int(walk.state["evaluations"][0]) == 26


def test_what_cannot_serve_is_refused() -> None:
    with pytest.raises(ValueError, match="ssbroyden needs precision float64, found float32"):
        pinn("bfgs", 1, precision="float32")
    with pytest.raises(ValueError, match=f"up to {MOST_PARAMETERS} parameters"):
        pinn("bfgs", 1, network=Mlp(width=200, depth=4))
    for field, value in {"tolerance_change": -1.0, "learning_rate": 0.0, "steps": 0}.items():
        with pytest.raises(ValueError, match=rf"^{field} must be .* found"):
            SSBroyden(**{field: value})  # type: ignore[arg-type]
