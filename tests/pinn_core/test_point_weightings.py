"""Weightings of single points: residual attention, self-adaptive and causal weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core import WEIGHTINGS
from pinn_core.problems import Reaction
from pinn_core.weightings import Causal, ResidualAttention, SelfAdaptive
from tests.pinn_core.weighing import HEAT, STEADY, random, row


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
    first, second, third = (
        torch.tensor(-2 * before, dtype=torch.float64).exp() * 7 / (3 * count)
        for before, count in ((0.0, 3), (0.2, 2), (0.5, 2))
    )
    expected = torch.stack([third, first, second, second, first, third, first])
    assert torch.allclose(found[0], expected, rtol=1e-14, atol=0)
    assert weighting.factors(state, "initial", squares(1, 7), points, HEAT) is None


@pytest.mark.parametrize(("n", "chunks"), [(100, 16), (101, 32), (96, 32)])
def test_causal_training_goes_down_the_mean_over_chunks(n: int, chunks: int) -> None:
    """Algorithm 1's loss, whether or not the chunks are of equal size."""
    table = squares(2, n)
    points = at_times(torch.linspace(0, 1, n).tolist())
    weighting = Causal(chunks=chunks, epsilon=0.3)
    state = begin(weighting, members=2, residual=n)
    factors = weighting.factors(state, "residual", table, points, HEAT)
    edges = [-(-n * place // chunks) for place in range(chunks + 1)]
    losses = torch.stack([table[:, a:b].mean(1) for a, b in pairwise(edges)], dim=1)
    expected = (-0.3 * (losses.cumsum(1) - losses)).exp() * losses
    assert torch.allclose((factors * table).mean(1), expected.mean(1), rtol=1e-13, atol=0)


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
    with pytest.raises(ValueError, match="point in each of its 32 chunks, found 20"):
        Causal().check(replace(HEAT, interior_points=20), "full", resampled=False)
    with pytest.raises(ValueError, match="point in each of its 99 chunks, found 64"):
        Causal(chunks=99).check(Reaction(points_x=9, points_t=9), "full", resampled=False)
    Causal().check(HEAT, 128, resampled=True)
    Causal().check(HEAT, "full", resampled=False)


@pytest.mark.parametrize("weighting", POINTWISE)
def test_an_objective_without_residual_is_refused(weighting: Any) -> None:
    with pytest.raises(ValueError, match=r"acts on the term 'residual'.* found regression"):
        begin(weighting, regression=100)
