"""Weights of points by balanced residual decay rates, against their formula in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core.weightings import Brdr
from tests.pinn_core.weighing import HEAT, random

SIZES = {"residual": 1037, "boundary": 41, "initial": 7}
STEPS, MEMBERS = 9, 5
ALL = range(MEMBERS)


def squares(name: str, step: int, dtype: torch.dtype) -> Tensor:
    """Each point's decay at its own rate, each term's from its own level."""
    place = list(SIZES).index(name)
    rates = random(MEMBERS, SIZES[name], seed=place).abs()
    found = (random(MEMBERS, SIZES[name], seed=10 + step).square() * 10.0**place).to(dtype)
    return found * (-rates * step / 3).exp().to(dtype)


def walk(
    weighting: Brdr,
    members: Sequence[int] = ALL,
    steps: Sequence[int] = range(STEPS),
    state: dict[str, Tensor] | None = None,
    nan: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """The factors in every step, by term, and the state in the end."""
    chosen, found = list(members), []
    if state is None:
        state = weighting.start(SIZES, torch.ones(len(SIZES), len(chosen), dtype=torch.float64))
    for step in steps:
        factors = {}
        for name, n in SIZES.items():
            table = squares(name, step, dtype)
            if nan is not None:
                table[nan, 3] = float("nan")
            points = torch.zeros(1, n, 3, dtype=dtype)
            given = weighting.factors(state, name, table[chosen], points, HEAT)
            assert given is not None
            assert given.dtype == dtype
            factors[name] = given
        found.append(factors)
    return found, state


@pytest.mark.parametrize("weighting", [Brdr(), Brdr(beta_c=0.8, beta_w=0.6), Brdr(beta_c=0.0)])
def test_factors_are_those_of_the_formula(weighting: Brdr) -> None:
    found, _ = walk(weighting)
    places = np.cumsum([0, *SIZES.values()])
    for member in ALL:
        fourth, weight = np.zeros(places[-1]), np.ones(places[-1])
        for step in range(STEPS):
            ours = torch.cat([found[step][name][member] for name in SIZES]).numpy()
            assert np.allclose(ours, weight, rtol=1e-12, atol=0)
            tables = [squares(name, step, torch.float64)[member].numpy() for name in SIZES]
            now = np.concatenate(tables)
            fourth = weighting.beta_c * fourth + (1 - weighting.beta_c) * now**2
            ratio = now / (np.sqrt(fourth / (1 - weighting.beta_c ** (step + 1))) + 1e-14)
            share = ratio / ratio.mean()
            weight = weighting.beta_w * weight + (1 - weighting.beta_w) * share
            assert weight.mean() == pytest.approx(1, rel=1e-12)


def test_points_that_decay_slowly_count_more() -> None:
    weighting = Brdr(beta_c=0.9, beta_w=0.9)
    state = weighting.start({"residual": 2}, torch.ones(1, 1, dtype=torch.float64))
    points = torch.zeros(1, 2, 3, dtype=torch.float64)
    for step in range(60):
        table = torch.tensor([[0.99**step, 0.8**step]], dtype=torch.float64)
        found = weighting.factors(state, "residual", table, points, HEAT)
    assert found is not None
    assert found[0, 0] > 2 * found[0, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_brdr_does_not_depend_on_the_pack(dtype: torch.dtype) -> None:
    weighting = Brdr(beta_c=0.9, beta_w=0.7)
    together, state = walk(weighting, dtype=dtype)
    assert all(len(tensor) == MEMBERS for tensor in state.values())
    beside, _ = walk(weighting, dtype=dtype, nan=1)
    turned, _ = walk(weighting, members=[3, 0], dtype=dtype)
    for name, whole in together[-1].items():
        assert beside[-1][name][1].isnan().any()
        assert torch.equal(beside[-1][name][[0, 2, 3, 4]], whole[[0, 2, 3, 4]])
        assert torch.equal(turned[-1][name], whole[[3, 0]])
    for member in ALL:
        alone, own = walk(weighting, members=[member], dtype=dtype)
        assert all(torch.equal(alone[-1][name][0], together[-1][name][member]) for name in SIZES)
        assert all(torch.equal(own[name][0], state[name][member]) for name in own)


@pytest.mark.parametrize("stop", [1, 4])
def test_a_resumed_brdr_goes_on_to_the_bit(stop: int) -> None:
    weighting = Brdr(beta_c=0.9, beta_w=0.7)
    whole, end = walk(weighting)
    _, state = walk(weighting, steps=range(stop))
    kept = {name: state[name].clone() for name in sorted(state)}
    rest, again = walk(weighting, steps=range(stop, STEPS), state=kept)
    assert all(torch.equal(rest[-1][name], whole[-1][name]) for name in SIZES)
    assert all(torch.equal(again[name], end[name]) for name in end)


def test_mismatches_of_zero_do_no_harm() -> None:
    weighting = Brdr(beta_w=0.5)
    state = weighting.start({"residual": 3}, torch.ones(1, 1, dtype=torch.float64))
    points, nothing = torch.zeros(1, 3, 3, dtype=torch.float64), torch.zeros(1, 3).double()
    for _ in range(3):
        found = weighting.factors(state, "residual", nothing, points, HEAT)
    assert found is not None
    assert found.tolist() == [[0.25, 0.25, 0.25]]


def test_points_that_change_and_a_missing_residual_are_refused() -> None:
    with pytest.raises(ValueError, match=r"brdr keeps .* it needs batch 'full', .* batch of 128"):
        Brdr().check(HEAT, 128, resampled=True)
    Brdr().check(HEAT, "full", resampled=False)
    with pytest.raises(ValueError, match=r"acts on the term 'residual'.* found regression"):
        Brdr().start({"regression": 9}, torch.ones(1, 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta_c": 1.0}, "beta_c must be < 1, found 1.0"),
        ({"beta_c": -0.1}, "beta_c must be >= 0, found -0.1"),
        ({"beta_w": float("nan")}, "beta_w must be >= 0, found nan"),
    ],
)
def test_bad_fields_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Brdr(**settings)
