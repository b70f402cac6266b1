"""Weightings that remember earlier losses, against their formulas in numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pinn_core.randomness import generator
from pinn_core.testing import check
from pinn_core.weightings import DbPinn, Relobralo, SoftAdapt, View
from tests.pinn_core.weighing import random

STEPS, TERMS, SEEDS = 12, 3, (11, 12, 13, 14, 15)
ALL = range(len(SEEDS))
MATRICES, BIASES = (slice(0, 6), slice(8, 12)), (slice(6, 8), slice(12, 13))
SIZE = 15
Numbers = NDArray[np.float64]


def losses() -> Tensor:
    """Of all steps, terms and members: they fall, each in its own time."""
    rates = random(TERMS, len(SEEDS), seed=1).abs() / 5
    noise = random(STEPS, TERMS, len(SEEDS), seed=2) / 4
    times = torch.arange(STEPS, dtype=torch.float64)[:, None, None]
    return (noise - rates * times).exp() * torch.tensor([[100.0], [1.0], [0.01]])


def gradients() -> Tensor:
    """Of all steps, terms and members, with padding."""
    found = random(STEPS, TERMS, len(SEEDS), SIZE, seed=3)
    found *= torch.tensor([50.0, 1.0, 0.1], dtype=torch.float64)[:, None, None]
    return torch.nn.functional.pad(found, (0, 17))


def no_traces(probes: int | None) -> Tensor:
    raise AssertionError("nobody asked for traces")


def begun(members: Sequence[int] = ALL) -> Tensor:
    return (1 + 9 * random(TERMS, len(SEEDS), seed=4).abs())[:, list(members)]


def walk(
    weighting: Any,
    members: Sequence[int] = ALL,
    steps: Sequence[int] = range(STEPS),
    before: tuple[dict[str, Tensor], Tensor] | None = None,
    nan: int | None = None,
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """The weights (t, m) after every update, and the state in the end."""
    chosen, found = list(members), []
    table, slopes = losses(), gradients()
    if nan is not None:
        table[3:, 1, nan], slopes[3:, 1, nan] = float("nan"), float("nan")
    sizes = dict.fromkeys(("residual", "boundary", "initial"), 8)
    state, weights = before or (weighting.start(sizes, begun(chosen)), begun(chosen))
    for step in steps:
        view = View(
            tuple(sizes),
            table[step][:, chosen],
            list(slopes[step][:, chosen]),
            weights,
            MATRICES,
            BIASES,
            SIZE,
            no_traces,
            [SEEDS[member] for member in chosen],
            step,
        )
        weights = weighting.update(state, view)
        assert weights.shape == (TERMS, len(chosen))
        assert weights.dtype == torch.float64
        found.append(weights)
    return found, state


def softmax(x: Numbers) -> Numbers:
    found: Numbers = np.exp(x - x.max())
    return found / found.sum()


def relobralo(
    part: Relobralo, seed: int, table: Numbers, slopes: Numbers, old: Numbers
) -> list[Numbers]:
    found = []
    for step, now in enumerate(table):
        if step == 1:
            old = 3 * softmax(now / (part.temperature * table[0] + 1e-12))
        elif step > 1:
            share = 3 * softmax(now / (part.temperature * table[step - 1] + 1e-12))
            first = 3 * softmax(now / (part.temperature * table[0] + 1e-12))
            rho = generator(seed, "weighting/relobralo", step).random() < part.rho
            kept = rho * old + (1 - rho) * first
            old = part.alpha * kept + (1 - part.alpha) * share
        found.append(old)
    return found


def softadapt(
    part: SoftAdapt, seed: int, table: Numbers, slopes: Numbers, old: Numbers
) -> list[Numbers]:
    """With the slope at the oldest loss as that of the polynomial through all of them."""
    found = []
    for step in range(len(table)):
        if step >= part.order:
            last = table[step - part.order : step + 1]
            places = np.arange(part.order + 1)
            powers = np.vander(places, increasing=True).astype(float)
            slope = np.linalg.solve(powers, last)[1]
            if part.variant == "normalized":
                slope = slope / slope.sum()
            old = softmax(part.beta * slope)
            if part.variant == "loss_weighted":
                old = last.mean(0) * old / (last.mean(0) * old).sum()
            old = old * (3 if part.total == "terms" else 1)
        found.append(old)
    return found


def layers(gradient: Numbers) -> Numbers:
    """Weights and biases of all layers, without what lies beside them."""
    places = [*MATRICES, *BIASES]
    return np.concatenate([gradient[place] for place in places])


def kurtosis(numbers: Numbers) -> float:
    scores = (numbers - numbers.mean()) / numbers.std(ddof=1)
    return float((scores**4).mean())


def db_pinn(
    part: DbPinn, seed: int, table: Numbers, slopes: Numbers, old: Numbers
) -> list[Numbers]:
    """Of whole histories: means of all losses and targets so far."""
    found: list[Numbers] = []
    targets = []
    for step, (now, gradient) in enumerate(zip(table, slopes, strict=True)):
        residual, *conditions = (layers(each) for each in gradient)
        if part.statistic == "mean":
            sizes = [abs(w * g).mean() for w, g in zip(old[1:], conditions, strict=True)]
            ratios = [abs(old[0] * residual).max() / size for size in sizes]
        else:
            power = part.statistic == "kurtosis"
            whole, *sizes = (g.std(ddof=1) / kurtosis(g) ** power for g in (residual, *conditions))
            ratios = [old[0] * whole / size for size in sizes]
        difficulty = now[1:] / table[: step + 1, 1:].mean(0)
        targets.append(sum(ratios) * difficulty / difficulty.sum())
        old = np.array([old[0], *np.mean(targets, axis=0)])
        found.append(old)
    return found


Formula = Callable[[Any, int, Numbers, Numbers, Numbers], list[Numbers]]
KINDS: list[tuple[Any, Formula]] = [
    (Relobralo(), relobralo),
    (Relobralo(alpha=0.7, temperature=0.3, rho=0.5), relobralo),
    (Relobralo(alpha=0.9, rho=1.0), relobralo),
    (Relobralo(alpha=0.9, rho=0.0), relobralo),
    (SoftAdapt(), softadapt),
    (SoftAdapt(beta=-0.3, order=3, variant="loss_weighted", total="terms"), softadapt),
    (SoftAdapt(beta=2.0, order=5, variant="normalized"), softadapt),
    (DbPinn(), db_pinn),
    (DbPinn(statistic="std"), db_pinn),
    (DbPinn(statistic="kurtosis"), db_pinn),
]
PARTS = [part for part, _ in KINDS]


@pytest.mark.parametrize(("weighting", "formula"), KINDS)
def test_weights_are_those_of_the_formula(weighting: Any, formula: Formula) -> None:
    found = torch.stack(walk(weighting)[0]).numpy()
    table, slopes = losses().numpy(), gradients()[..., :SIZE].numpy()
    for member, seed in enumerate(SEEDS):
        expected = formula(
            weighting, seed, table[..., member], slopes[:, :, member], begun().numpy()[:, member]
        )
        assert np.allclose(found[..., member], expected, rtol=1e-12, atol=0)
    assert not np.allclose(found[-1], found[-2], rtol=1e-6)


@pytest.mark.parametrize("weighting", PARTS)
def test_weights_by_history_do_not_depend_on_the_pack(weighting: Any) -> None:
    together, state = walk(weighting)
    beside, _ = walk(weighting, nan=1)
    assert torch.equal(beside[-1][:, [0, 2, 3, 4]], together[-1][:, [0, 2, 3, 4]])
    assert torch.isfinite(beside[-1]).all()
    assert all(len(tensor) == len(SEEDS) for tensor in state.values())
    turned, _ = walk(weighting, members=[3, 0])
    assert torch.equal(turned[-1], together[-1][:, [3, 0]])
    for member in ALL:
        alone, own = walk(weighting, members=[member])
        assert torch.equal(torch.stack(alone)[..., 0], torch.stack(together)[..., member])
        assert all(torch.equal(own[name][0], state[name][member]) for name in own)


@pytest.mark.parametrize("weighting", PARTS)
@pytest.mark.parametrize("stop", [1, 2, 5])
def test_a_resumed_history_goes_on_to_the_bit(weighting: Any, stop: int) -> None:
    whole, end = walk(weighting)
    first, state = walk(weighting, steps=range(stop))
    kept = {name: state[name].clone() for name in sorted(state)}
    rest, again = walk(weighting, steps=range(stop, STEPS), before=(kept, first[-1].clone()))
    assert torch.equal(torch.stack([*first, *rest]), torch.stack(whole))
    assert all(torch.equal(again[name], end[name]) for name in end)


@pytest.mark.parametrize(
    "weighting", [Relobralo(rho=0.5), SoftAdapt(order=3, variant="loss_weighted")]
)
def test_settings_that_are_no_defaults_keep_the_contract(weighting: Any) -> None:
    check(weighting)


def test_relobralos_weights_sum_to_the_number_of_terms() -> None:
    for weights in walk(Relobralo(alpha=0.5, rho=0.5))[0][1:]:
        assert torch.allclose(weights.sum(0), torch.full((5,), 3.0, dtype=torch.float64))


def test_relobralo_draws_by_seed_and_step() -> None:
    """Where alpha is 1 the weights change at a look-back alone."""
    found = torch.stack(walk(Relobralo(alpha=1.0, rho=0.5))[0])
    changed = (found[2:] != found[1:-1]).all(1).tolist()
    drawn = [
        [generator(seed, "weighting/relobralo", step).random() >= 0.5 for seed in SEEDS]
        for step in range(2, STEPS)
    ]
    assert changed == drawn


def test_softadapt_begins_with_the_objectives_weights() -> None:
    found, _ = walk(SoftAdapt(order=5))
    assert all(torch.equal(each, begun()) for each in found[:5])
    assert torch.allclose(found[5].sum(0), torch.ones(5, dtype=torch.float64))


def test_softadapt_goes_on_after_losses_that_are_no_numbers() -> None:
    weighting = SoftAdapt()
    first, state = walk(weighting, steps=range(4), nan=1)
    assert torch.equal(first[3][:, 1], first[2][:, 1])
    rest, _ = walk(weighting, steps=range(4, STEPS), before=(state, first[-1]))
    assert torch.equal(rest[-1], walk(weighting)[0][-1])


@pytest.mark.parametrize("statistic", ["mean", "std", "kurtosis"])
def test_db_pinn_leaves_out_an_update_without_a_gradient(statistic: Any) -> None:
    """A condition whose gradient is zero once leaves its weight, and the average of the rest."""
    weighting, weights = DbPinn(statistic=statistic), begun([0])
    state = weighting.start(dict.fromkeys("abc", 8), weights)
    tables = [weights]
    for step, times in ((0, 1.0), (1, 0.0), (2, 1.0)):
        now = [gradients()[0, 0, :1], times * gradients()[0, 1, :1], gradients()[0, 2, :1]]
        table = losses()[0][:, :1]
        seen = View(
            tuple("abc"), table, now, weights, MATRICES, BIASES, SIZE, no_traces, [11], step
        )
        tables.append(weighting.update(state, seen))
    assert torch.equal(tables[2], weights)
    assert torch.equal(tables[3], tables[1])
    assert state["target/count"].tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("statistic", ["mean", "std", "kurtosis"])
def test_db_pinn_sums_long_gradients_alike_in_every_pack(statistic: Any, dtype: Any) -> None:
    p, weighting = 5301, DbPinn(statistic=statistic)
    matrices = (slice(0, 100), slice(150, 2650), slice(2700, 5200), slice(5250, 5300))
    biases = (slice(100, 150), slice(2650, 2700), slice(5200, 5250), slice(5300, 5301))
    slopes = [random(5, p, dtype=dtype, seed=seed) for seed in range(4)]
    table, weights = random(4, 5, seed=5).abs(), random(4, 5, seed=6).abs()

    def update(members: list[int]) -> Tensor:
        now = [each[members] for each in slopes]
        old = weights[:, members]
        seen = View(tuple("abcd"), table[:, members], now, old, matrices, biases, p, no_traces)
        found: Tensor = weighting.update(weighting.start(dict.fromkeys("abcd", 8), old), seen)
        return found

    together = update([0, 1, 2, 3, 4])
    assert torch.equal(update([4, 2, 0]), together[:, [4, 2, 0]])
    for member in range(5):
        assert torch.equal(update([member])[:, 0], together[:, member])


def test_db_pinn_leaves_an_objective_of_one_term() -> None:
    one = torch.ones(1, 2, dtype=torch.float64)
    state = DbPinn().start({"residual": 8}, one)
    slopes = [gradients()[0, 0, :2]]
    seen = View(("residual",), one, slopes, one, MATRICES, BIASES, SIZE, no_traces)
    assert torch.equal(DbPinn().update(state, seen), one)


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (Relobralo, {"alpha": 1.1}, r"alpha must lie in \[0, 1\], found 1.1"),
        (Relobralo, {"rho": -0.1}, r"rho must lie in \[0, 1\], found -0.1"),
        (Relobralo, {"rho": float("nan")}, r"rho must lie in \[0, 1\], found nan"),
        (Relobralo, {"temperature": 0.0}, "temperature must be > 0, found 0.0"),
        (Relobralo, {"period": 0}, "period must be >= 1, found 0"),
        (SoftAdapt, {"order": 2}, "order must be 1, 3 or 5, found 2"),
        (SoftAdapt, {"beta": float("inf")}, "beta must be finite, found inf"),
        (SoftAdapt, {"period": 0}, "period must be >= 1, found 0"),
        (DbPinn, {"period": -1}, "period must be >= 1, found -1"),
    ],
)
def test_bad_fields_are_refused(part: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        part(**settings)
