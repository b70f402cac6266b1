from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from pinn_core import WEIGHTINGS, Mlp, Pinn
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.stack import padded
from pinn_core.problems import Poisson
from pinn_core.weightings import (
    Annealing,
    Causal,
    GradientAdaptive,
    GradientNorm,
    Ntk,
    ResidualAttention,
    SelfAdaptive,
    View,
)
from tests.pinn_core.weighing import STEADY, random, row, weighed

# Two layers of 3 and 2 weights with 1 bias each, and an encoder of 2 parameters.
MATRICES, BIASES = (slice(0, 3), slice(4, 6)), (slice(3, 4), slice(6, 7))
RESIDUAL = [1.0, -8.0, 2.0, 90.0, 4.0, -2.0, -50.0, 200.0, 100.0]
BOUNDARY = [0.5, -0.25, 0.75, 7.0, 0.25, -0.25, 1.0, -6.0, 3.0]


def no_traces(probes: int | None) -> Tensor:
    raise AssertionError("nobody asked for traces")


def view(
    *gradients: Tensor,
    weights: Tensor | None = None,
    traces: Callable[[int | None], Tensor] = no_traces,
) -> View:
    members, terms = len(gradients[0]), len(gradients)
    if weights is None:
        weights = torch.ones(terms, members, dtype=torch.float64)
    names = ("residual", "boundary", "initial")[:terms]
    losses = torch.ones(terms, members, dtype=torch.float64)
    size = gradients[0].shape[1]
    rows = [pad(each, (0, padded(size) - size)) for each in gradients]
    return View(names, losses, rows, weights, MATRICES, BIASES, size, traces)


def settle(weighting: Any, seen: View, updates: int = 400) -> Tensor:
    for _ in range(updates):
        seen = replace(seen, weights=weighting.update({}, seen))
    return seen.weights


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 8 / ((0.5 + 0.25) / 2)),
        ({"mean": "all"}, 8 / (2.0 / 5)),
        ({"biases": True}, 90 / ((8.5 / 4 + 1.5 / 3) / 2)),
        ({"mean": "all", "biases": True}, 200 / (19.0 / 9)),
        ({"statistic": "per_layer_max"}, max(8 / 0.5, 4 / 0.25)),
        ({"statistic": "per_layer_max", "biases": True}, max(90 / (8.5 / 4), 50 / 0.5)),
    ],
)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("ema", [0.1, 0.9, 1.0])
def test_annealing_by_hand(
    settings: dict[str, Any], expected: float, weighted: bool, ema: float
) -> None:
    weighting = Annealing(weighted_denominator=weighted, ema=ema, **settings)
    weights = torch.tensor([[3.0], [4.0]], dtype=torch.float64)
    found = weighting.update({}, view(row(RESIDUAL), row(BOUNDARY), weights=weights))
    new = 3 * expected / (4 if weighted else 1)
    assert found[0].item() == 3
    assert found[1].item() == pytest.approx((1 - ema) * 4 + ema * new, rel=1e-14)


@pytest.mark.parametrize("biases", [True, False])
def test_annealings_mean_over_all_is_that_over_the_networks_parameters(biases: bool) -> None:
    """25 parameters in rows of 32, of which 16 are weights."""
    weighting = Annealing(mean="all", biases=biases, ema=1.0)
    disc = Discretization(
        Poisson(), Mlp(width=8, depth=1, activation="tanh"), "float64", backend="eager"
    )
    objective, one = Pinn(), torch.ones(1, dtype=torch.float64)
    batch = objective.batches(disc, [0]).at(0)
    loss_weights = weighed(disc, weighting, {"residual": one, "boundary": one}, batch)
    parameters = random(1, padded(disc.size))
    evaluation = objective.evaluate(disc, parameters, batch)
    loss_weights.update(parameters, batch, evaluation)
    places = [part for layer in disc.stack.places() for part in layer[: 1 + biases]]
    residual, boundary = (
        torch.cat([evaluation.terms[name].gradient[0, place] for place in places]).abs()
        for name in ("residual", "boundary")
    )
    assert len(boundary) == (25 if biases else 16)
    assert loss_weights.table[1].item() == pytest.approx((residual.max() / boundary.mean()).item())


@pytest.mark.parametrize(("weighted", "power"), [(True, 0.5), (False, 1.0)])
def test_annealings_two_equilibria(weighted: bool, power: float) -> None:
    """Of a residual 40 w.x and a boundary term a.x, whose gradients are constant."""
    seen = view(40 * row(RESIDUAL), row(BOUNDARY))
    found = settle(Annealing(weighted_denominator=weighted), seen)
    assert found[1].item() == pytest.approx((40 * 8 / 0.375) ** power, rel=1e-9)


def test_annealing_on_two_quadratics() -> None:
    """L_r = (100 x - 100)^2, L_b = (x - 2)^2: the balanced minimum lies between 1 and 2."""
    matrices = (slice(0, 1),)
    theta = torch.tensor([[1.5]], dtype=torch.float64)
    weights = torch.ones(2, 1, dtype=torch.float64)
    weighting = Annealing(period=1)
    for step in range(200):
        gradients = [20_000 * (theta - 1), 2 * (theta - 2)]
        seen = View(
            ("residual", "boundary"), weights, gradients, weights, matrices, matrices, 1, no_traces
        )
        if weighting.due(step):
            weights = weighting.update({}, seen)
        theta = theta - 1e-5 * (gradients[0] + weights[1] * gradients[1])
    near = abs(gradients[0] / gradients[1])
    assert weights[1].item() == pytest.approx(near.sqrt().item(), rel=1e-2)
    assert weights[1].item() == pytest.approx(1, rel=1e-2)


def test_the_blog_is_annealing_but_for_its_floor() -> None:
    seen = view(row(RESIDUAL), row(BOUNDARY), 3 * row(BOUNDARY))
    blog, code = GradientAdaptive().update({}, seen), Annealing().update({}, seen)
    assert torch.allclose(blog, code, rtol=1e-9, atol=0)
    assert blog[1] < code[1]
    still = view(row(RESIDUAL), row([0.0] * 9))
    assert GradientAdaptive().update({}, still)[1].item() == pytest.approx(0.9 + 0.1 * 8e10)


def test_tangent_kernels_traces_balance_all_terms() -> None:
    asked = []

    def traces(probes: int | None) -> Tensor:
        asked.append(probes)
        return torch.tensor([[1.0, 2.0], [4.0, 2.0], [5.0, 4.0]], dtype=torch.float64)

    seen = view(random(2, 9), random(2, 9), random(2, 9), traces=traces)
    found = Ntk().update({}, seen)
    assert torch.equal(found, torch.tensor([[10.0, 4], [2.5, 4], [2, 2]], dtype=torch.float64))
    assert torch.equal(Ntk(probes=8).update({}, seen), found)
    assert asked == [None, 8]


def test_gradient_norms_become_equal() -> None:
    gradients = [scale * random(2, 9, seed=seed) for seed, scale in enumerate((100.0, 1.0, 0.01))]
    norms = torch.stack([each.norm(dim=1) for each in gradients])
    weights = settle(GradientNorm(), view(*gradients))
    assert torch.allclose(weights * norms, norms.mean(0).expand(3, 2), rtol=1e-9, atol=0)
    first = GradientNorm().update({}, view(*gradients))
    assert torch.allclose(first, 0.9 + 0.1 * norms.mean(0) / norms, rtol=1e-12, atol=0)


BY_GRADIENTS = [
    Annealing(),
    Annealing(weighted_denominator=False, mean="all", biases=True),
    Annealing(statistic="per_layer_max"),
    GradientAdaptive(),
    GradientNorm(),
]


@pytest.mark.parametrize("weighting", BY_GRADIENTS)
def test_a_nan_gradient_leaves_a_members_weights_and_its_neighbours(weighting: Any) -> None:
    gradients = [random(3, 9, seed=seed) for seed in range(3)]
    weights = random(3, 3).abs()
    clean = weighting.update({}, view(*gradients, weights=weights))
    gradients[0][1, 4] = float("nan")
    found = weighting.update({}, view(*gradients, weights=weights))
    assert torch.equal(found[:, 1], weights[:, 1])
    assert torch.equal(found[:, ::2], clean[:, ::2])


@pytest.mark.parametrize("weighting", [*BY_GRADIENTS[:3], GradientNorm()])
def test_a_zero_denominator_leaves_the_weight(weighting: Any) -> None:
    weights = torch.full((3, 1), 5.0, dtype=torch.float64)
    seen = view(row(RESIDUAL), row([0.0] * 9), row(BOUNDARY), weights=weights)
    found = weighting.update({}, seen)
    assert found[1].item() == 5
    assert found[2].item() != 5


def test_a_weight_of_zero_stays_where_it_is_the_denominator() -> None:
    weights = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    seen = view(row(RESIDUAL), row(BOUNDARY), weights=weights)
    assert Annealing().update({}, seen)[1].item() == 0
    assert Annealing(weighted_denominator=False).update({}, seen)[1].item() > 0


def test_a_zero_or_nan_trace_leaves_what_it_touches() -> None:
    numbers = torch.tensor([[1.0, 1.0], [0.0, float("nan")]], dtype=torch.float64)
    weights = torch.full((2, 2), 5.0, dtype=torch.float64)
    seen = view(random(2, 9), random(2, 9), weights=weights, traces=lambda _: numbers)
    assert Ntk().update({}, seen).tolist() == [[1.0, 5.0], [5.0, 5.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weighting", [*BY_GRADIENTS, Ntk()])
def test_weights_do_not_depend_on_the_pack(weighting: Any, dtype: torch.dtype) -> None:
    p, m = 5301, 5
    matrices = (slice(0, 100), slice(150, 2650), slice(2700, 5200), slice(5250, 5300))
    biases = (slice(100, 150), slice(2650, 2700), slice(5200, 5250), slice(5300, 5301))
    gradients = [random(m, p, dtype=dtype, seed=seed) for seed in range(7)]
    weights = random(7, m, dtype=dtype).abs()

    def update(members: list[int]) -> Tensor:
        seen = View(
            tuple("abcdefg"),
            weights[:, members],
            [each[members] for each in gradients],
            weights[:, members],
            matrices,
            biases,
            p,
            lambda _: torch.stack([each[members].square().sum(1) for each in gradients]),
        )
        found: Tensor = weighting.update({}, seen)
        assert found.dtype == dtype
        return found

    together = update([0, 1, 2, 3, 4])
    assert torch.equal(update([4, 2, 0]), together[:, [4, 2, 0]])
    for member in range(m):
        assert torch.equal(update([member])[:, 0], together[:, member])


def test_periods_count_from_the_first_update() -> None:
    for weighting, period in ((Annealing(), 10), (GradientAdaptive(), 10), (Ntk(), 1000)):
        assert [step for step in range(2001) if weighting.due(step)][:2] == [0, period]
    assert [step for step in range(9) if GradientNorm(period=4).due(step)] == [0, 4, 8]
    for other in (ResidualAttention(), SelfAdaptive(), Causal()):
        assert not any(other.due(step) for step in range(10))


@pytest.mark.parametrize("kind", ["annealing", "gradient_adaptive", "gradient_norm"])
def test_an_objective_of_one_term_stays_as_it_is(kind: str) -> None:
    found = settle(WEIGHTINGS[kind](), view(random(2, 9)), 3)  # type: ignore[call-arg]
    assert torch.allclose(found, torch.ones(1, 2, dtype=torch.float64), atol=1e-4)


@pytest.mark.parametrize("weighting", BY_GRADIENTS)
def test_weights_of_terms_serve_every_problem(weighting: Any) -> None:
    weighting.check(STEADY, 128, resampled=True)
    assert weighting.start({"residual": 3}, torch.ones(1, 2)) == {}


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (Annealing, {"ema": 0.0}, "ema must be > 0, found 0.0"),
        (GradientAdaptive, {"ema": 1.5}, "ema must be <= 1, found 1.5"),
        (GradientNorm, {"period": 0}, "period must be >= 1, found 0"),
        (
            Annealing,
            {"statistic": "per_layer_max", "mean": "all"},
            "mean must be 'layers', found 'all'",
        ),
        (Ntk, {"probes": 0}, "probes must be >= 1, found 0"),
        (Ntk, {"period": 0}, "period must be >= 1, found 0"),
        (ResidualAttention, {"gamma": 1.0}, "gamma must be < 1, found 1.0"),
        (ResidualAttention, {"eta": 0.0}, "eta must be > 0, found 0.0"),
        (SelfAdaptive, {"initial": -1.0}, "initial must be > 0, found -1.0"),
        (SelfAdaptive, {"learning_rate": float("nan")}, "learning_rate must be > 0, found nan"),
        (Causal, {"chunks": 1}, "chunks must be >= 2, found 1"),
        (Causal, {"threshold": 1.0}, "threshold must be < 1, found 1.0"),
        (Causal, {"epsilon_last": 1e-3}, "epsilon_last must be >= 0.01, found 0.001"),
        (Causal, {"epsilon_factor": 0.5}, "epsilon_factor must be >= 1, found 0.5"),
    ],
)
def test_bad_fields_are_refused(part: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        part(**settings)
