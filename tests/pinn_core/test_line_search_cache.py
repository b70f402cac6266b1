"""Where a line search ended, nothing is evaluated again, and no bit changes."""

from __future__ import annotations

from typing import Any

import pytest

from pinn_core import Mlp, Pinn
from pinn_core.configuration import Configuration
from pinn_core.objectives import evaluate
from pinn_core.optimizers import OPTIMIZERS, Adam
from pinn_core.problems import Helmholtz
from pinn_core.training.trained_loss import TrainedLoss
from pinn_core.training.trainer import Member, train

SEARCHING = [name for name in OPTIMIZERS.names() if OPTIMIZERS[name].searches]
STEPS = 6


def configuration(kind: str, **more: Any) -> Configuration:
    few = {"rank": 5, "cg_iterations": 8} if kind == "nncg" else {}
    return Configuration(
        problem=Helmholtz(points_per_axis=6),
        network=Mlp(width=5, depth=2, activation="tanh"),
        objective=Pinn(lambda_b=2.0, **{"batch": "full", **more}),
        phases=(Adam(steps=2), OPTIMIZERS[kind](steps=STEPS, **few)),
        precision="float64" if kind == "ssbroyden" else "float32",
    )


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members every evaluation was of."""
    found: list[int] = []

    def counting(terms: Any, disc: Any, parameters: Any, *rest: Any) -> Any:
        found.append(len(parameters))
        return evaluate(terms, disc, parameters, *rest)

    monkeypatch.setattr("pinn_core.training.trained_loss.evaluate", counting)
    return found


@pytest.mark.parametrize("kind", SEARCHING)
def test_every_evaluation_is_made_once(
    kind: str, rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [Member(configuration(kind), seed) for seed in range(3)]
    reused = train(members)
    made = sum(rows)
    counted = sum(one.table["work/evaluations"][-1].as_py() for one in reused)
    assert made <= counted + len(members)  # the last row's is the record's alone
    rows.clear()
    monkeypatch.setattr(TrainedLoss, "_line_search_cache", lambda *_: None)
    assert [one.digest() for one in train(members)] == [one.digest() for one in reused]
    assert sum(rows) > made or kind == "spring"  # which may end at any length that it tried


def test_new_points_are_evaluated_anew(rows: list[int]) -> None:
    one = configuration("lbfgs", batch=8, points="uniform")
    (trained,) = train([Member(one, 0)], backend="eager")  # native steps would not be counted
    assert sum(rows) > trained.table["work/evaluations"][-1].as_py() + STEPS - 2
