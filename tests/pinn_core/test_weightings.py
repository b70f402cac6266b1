from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core import WEIGHTINGS, Heat
from pinn_core.weighting import (
    Annealing,
    Causal,
    GradientAdaptive,
    GradientNorm,
    Ntk,
    ResidualAttention,
    SelfAdaptive,
    View,
)


class Timed(Heat):
    """The heat equation as weightings see it: coordinates."""

    conditions = {}  # noqa: RUF012
    operators = ()


class Steady(Timed):
    kind = "helmholtz"
    coordinates = ("x", "y")


HEAT, STEADY = Timed(), Steady()
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
    return View(names, losses, gradients, weights, MATRICES, BIASES, traces)


def row(numbers: Sequence[float]) -> Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.manual_seed(seed)).to(dtype)


def settle(weighting: Any, seen: View, updates: int = 400) -> Tensor:
    for _ in range(updates):
        seen = replace(seen, weights=weighting.update({}, seen))
    return seen.weights


# --- learning-rate annealing, the blog, the tangent kernel, gradient norms


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
            ("residual", "boundary"), weights, gradients, weights, matrices, matrices, no_traces
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


# --- factors of points


def begin(
    weighting: Any, members: int = 1, dtype: torch.dtype = torch.float64, **sizes: int
) -> dict[str, Tensor]:
    state: dict[str, Tensor] = weighting.start(sizes, torch.ones(len(sizes), members, dtype=dtype))
    return state


def squares(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return random(*shape, dtype=dtype, seed=seed).square()


def anywhere(n: int, members: int = 1) -> Tensor:
    return torch.zeros(members, n, 3, dtype=torch.float64)


def test_residual_attention_by_hand() -> None:
    weighting = ResidualAttention(gamma=0.5, eta=0.25)
    state = begin(weighting, residual=3, boundary=2)
    assert weighting.factors(state, "boundary", squares(1, 2), anywhere(2), HEAT) is None
    first = weighting.factors(state, "residual", row([4.0, 1.0, 0.0]), anywhere(3), HEAT)
    assert torch.equal(first, row([0.25, 0.125, 0.0]).square())
    second = weighting.factors(state, "residual", row([0.0, 9.0, 9.0]), anywhere(3), HEAT)
    assert torch.equal(second, row([0.125, 0.3125, 0.25]).square())
    third = weighting.factors(state, "residual", row([0.0, 0.0, 0.0]), anywhere(3), HEAT)
    assert torch.equal(third, second / 4)


def test_residual_attention_is_bounded() -> None:
    weighting = ResidualAttention(gamma=0.9, eta=0.2)
    state = begin(weighting, residual=2)
    for _ in range(200):
        found = weighting.factors(state, "residual", row([100.0, 1.0]), anywhere(2), HEAT)
    assert found is not None
    assert torch.allclose(found, row([4.0, 0.04]), rtol=1e-6, atol=0)


def test_self_adaptive_weights_are_adams_ascent() -> None:
    weighting = SelfAdaptive(initial=2.0, learning_rate=0.02)
    state = begin(weighting, members=2, residual=7)
    masks = torch.full((2, 7), 2.0, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([masks], lr=0.02, maximize=True)
    for step in range(50):
        mismatch = random(2, 7, seed=step) * 10.0 ** (-step / 10)
        factors = weighting.factors(state, "residual", mismatch.square(), anywhere(7), HEAT)
        assert torch.allclose(factors, masks.detach().square(), rtol=1e-11, atol=0)
        adam.zero_grad()
        (masks * mismatch).square().mean(1).sum().backward()
        adam.step()
    assert masks.min() > 2.1


@pytest.mark.parametrize("weighting", [ResidualAttention(terms="all"), SelfAdaptive(terms="all")])
def test_conditions_can_have_factors_of_their_own(weighting: Any) -> None:
    state = begin(weighting, residual=5, boundary=3)
    for name, n in (("residual", 5), ("boundary", 3)):
        assert weighting.factors(state, name, squares(1, n), anywhere(n), HEAT).shape == (1, n)
        assert state[name].shape == (1, n)


def at_times(times: Sequence[float]) -> Tensor:
    t = torch.tensor([times], dtype=torch.float64)
    return torch.stack([t + 7, -t, t], dim=2)


def test_causal_weights_by_hand() -> None:
    """Seven points in three chunks of 3, 2 and 2, given in no order; two of one time."""
    weighting = Causal(chunks=3, epsilon=2.0, epsilon_last=2.0)
    state = begin(weighting, residual=7)
    points = at_times([0.9, 0.1, 0.5, 0.5, 0.0, 1.0, 0.2])
    found = weighting.factors(
        state, "residual", row([1.0, 0.1, 0.2, 0.4, 0.3, 5.0, 0.2]), points, HEAT
    )
    second, third = (torch.tensor(-2 * sum_, dtype=torch.float64).exp() for sum_ in (0.2, 0.5))
    expected = torch.stack([third, second.new_ones(()), second, second, second.new_ones(())])
    assert torch.allclose(found[0, :5], expected, rtol=1e-14, atol=0)
    assert torch.allclose(found[0, 5:], torch.stack([third, second.new_ones(())]), rtol=1e-14)
    assert weighting.factors(state, "initial", squares(1, 7), points, HEAT) is None


def test_on_a_mesh_chunks_are_the_time_levels() -> None:
    levels, across = 10, 16
    table = squares(levels, across)
    order = torch.randperm(levels * across, generator=torch.manual_seed(1))
    times = torch.linspace(0, 1, levels, dtype=torch.float64).repeat_interleave(across)
    weighting = Causal(chunks=levels, epsilon=0.3)
    state = begin(weighting, residual=levels * across)
    points = at_times(times[order].tolist())
    found = weighting.factors(state, "residual", table.flatten()[None, order], points, HEAT)
    losses = table.mean(1)
    expected = (-0.3 * (losses.cumsum(0) - losses)).exp().repeat_interleave(across)
    assert torch.allclose(found[0], expected[order], rtol=1e-12, atol=0)


def test_every_members_epsilon_goes_on_when_its_last_weight_is_large() -> None:
    weighting = Causal(chunks=2)
    state = begin(weighting, members=3, residual=2)
    points = at_times([0.0, 1.0])
    levels = torch.tensor([[1e-9], [0.05], [5.0]], dtype=torch.float64).expand(3, 2)
    found = []
    for _ in range(7):
        weighting.factors(state, "residual", levels, points, HEAT)
        found.append(state["epsilon"].flatten().tolist())
    assert [each[0] for each in found] == pytest.approx([0.1, 1, 10, 100, 100, 100, 100])
    assert [each[1] for each in found] == pytest.approx([0.1, 1, 1, 1, 1, 1, 1])
    assert [each[2] for each in found] == [0.01] * 7


POINTWISE = [ResidualAttention(), SelfAdaptive(), Causal(chunks=5, epsilon=0.5)]


def walk(
    weighting: Any, members: list[int], bad: int | None, dtype: torch.dtype, drawn: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    n = 1037
    state = begin(weighting, members=len(members), dtype=dtype, residual=n)
    for step in range(5):
        points = random(5, n, 3, dtype=dtype, seed=step)
        points = points[members] if drawn else points[:1]
        own = squares(5, n, dtype=dtype, seed=10 + step)
        if bad is not None:
            own[bad, step::100] = float("nan")
        found = weighting.factors(state, "residual", own[members], points, HEAT)
        assert found.dtype == dtype
    return found, state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("weighting", POINTWISE)
def test_factors_do_not_depend_on_the_pack(weighting: Any, drawn: bool, dtype: torch.dtype) -> None:
    found, state = walk(weighting, [0, 1, 2, 3, 4], None, dtype, drawn)
    beside_nan, _ = walk(weighting, [0, 1, 2, 3, 4], 1, dtype, drawn)
    assert beside_nan[1].isnan().any()
    assert torch.equal(beside_nan[[0, 2, 3, 4]], found[[0, 2, 3, 4]])
    for member in range(5):
        alone, own = walk(weighting, [member], None, dtype, drawn)
        assert torch.equal(alone[0], found[member])
        assert all(torch.equal(own[name][0], state[name][member]) for name in own)
    other, _ = walk(weighting, [3, 0], None, dtype, drawn)
    assert torch.equal(other, found[[3, 0]])


@pytest.mark.parametrize("weighting", POINTWISE)
def test_state_has_a_leading_member_axis(weighting: Any) -> None:
    state = begin(weighting, members=3, residual=40)
    assert all(tensor.shape[0] == 3 for tensor in state.values())


# --- what is refused


@pytest.mark.parametrize("kind", ["residual_attention", "self_adaptive"])
@pytest.mark.parametrize(
    ("batch", "resampled", "found"),
    [(128, True, "found a batch of 128"), ("full", True, "found points that are drawn anew")],
)
def test_points_that_change_cannot_keep_factors(
    kind: str, batch: Any, resampled: bool, found: str
) -> None:
    weighting = WEIGHTINGS[kind]()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=f"{kind} keeps .* it needs batch 'full', .*{found}"):
        weighting.check(HEAT, batch, resampled)
    weighting.check(HEAT, "full", resampled=False)
    weighting.check(HEAT, 128, resampled=False)  # new points, but kept


def test_causal_weights_need_time_and_points() -> None:
    with pytest.raises(ValueError, match=r"causal needs .* time t .*helmholtz is steady.* x, y"):
        Causal().check(STEADY, "full", resampled=False)
    with pytest.raises(ValueError, match="point in each of its 32 chunks, found 31"):
        Causal().check(HEAT, 31, resampled=True)
    with pytest.raises(ValueError, match="point in each of its 32 chunks, found 10"):
        begin(Causal(), residual=10)
    Causal().check(HEAT, 128, resampled=True)
    Causal().check(HEAT, "full", resampled=False)


@pytest.mark.parametrize("weighting", POINTWISE)
def test_an_objective_without_residual_is_refused(weighting: Any) -> None:
    with pytest.raises(ValueError, match=r"acts on the term 'residual'.* found regression"):
        begin(weighting, regression=100)


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
