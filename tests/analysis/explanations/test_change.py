"""The change of a curve: where it is, and that neither direction nor place of time matters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analysis.explanations.change import Values, changes

REACH = 30
STEPS = np.arange(-45.0, 46)
SHAPES: dict[str, Callable[[Values], Values]] = {
    "step": lambda after: (after > 0).astype(float),
    "kink": lambda after: -np.maximum(after, 0) / 10,
    "smooth": lambda after: np.tanh(after / 4),
}


def curves(shape: str, at: float, noise: float = 0.05) -> Values:
    random = np.random.default_rng(0)
    return SHAPES[shape](STEPS - at) + noise * random.normal(size=(200, len(STEPS)))


def from_the_middle(found: Values) -> Values:
    return found - len(STEPS) // 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("at", [-10, 0, 10])
def test_a_change_is_found_where_it_is(shape: str, at: int) -> None:
    found = from_the_middle(changes(curves(shape, at), REACH))
    assert abs(found.mean() - at) < 1
    assert found.std() < 3


@pytest.mark.parametrize("shape", SHAPES)
def test_read_backwards_a_curve_has_the_same_change(shape: str) -> None:
    found = changes(curves(shape, 7), REACH)
    backwards = changes(curves(shape, 7)[:, ::-1], REACH)
    assert np.mean(np.abs(found + backwards - (len(STEPS) - 1)) < 1e-9) > 0.9


def test_values_that_are_not_known_are_no_values() -> None:
    known = curves("step", 0, noise=0)
    known[:, ::3] = np.nan
    assert np.abs(from_the_middle(changes(known, REACH))).max() <= 1.5


@pytest.mark.parametrize(
    "curve",
    [
        np.ones(len(STEPS)),
        3 - 0.1 * STEPS,
        np.full(len(STEPS), np.nan),
        np.where(STEPS > 25, 1, np.nan),
    ],
    ids=["constant", "straight", "nothing", "little"],
)
def test_a_curve_without_a_change_has_none(curve: Values) -> None:
    assert np.isnan(changes(curve[None], REACH)).all()


def test_noise_changes_to_neither_side_more_often() -> None:
    noise = np.random.default_rng(1).normal(size=(2000, len(STEPS)))
    found = from_the_middle(changes(noise, REACH))
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(len(found))
