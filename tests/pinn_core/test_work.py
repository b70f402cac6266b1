"""What a trajectory says of the work that it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from pinn_core import Adam, Checkpointing, Configuration, Curriculum, Member, Mlp, Pinn, train
from pinn_core.optimizers import LBFGS, GradientDescentArmijo, Optimizer, Soap
from pinn_core.optimizers.stopping import (
    CHANGE,
    GRADIENT,
    NO_DESCENT,
    NOT_FINITE,
    RUNNING,
)
from pinn_core.problems import Convection
from pinn_core.records.trajectory import STOP_REASONS
from pinn_core.training.checkpoint import Folder, every_steps
from pinn_core.training.pack import Pack
from pinn_core.training.work import work_columns
from pinn_core.weightings import GradientNorm
from tests.pinn_core.packs import configuration


def phased(*phases: Optimizer, precision: str = "float32") -> Configuration:
    return replace(configuration(precision=precision), phases=phases)


def column(one: Configuration, name: str, seed: int = 0) -> list[float]:
    found: list[float] = train([Member(one, seed)])[0].table[f"work/{name}"].to_pylist()
    return found


@pytest.mark.parametrize("phases", [(Adam(steps=3), Adam(steps=2)), (Soap(steps=5),)])
def test_a_step_without_a_search_is_one_evaluation(phases: Sequence[Optimizer]) -> None:
    one = phased(*phases)
    assert column(one, "evaluations") == [0, 1, 2, 3, 4, 5]
    assert "work/stopped" not in train([Member(one, 0)])[0].table.column_names


def test_a_weightings_own_evaluations_count() -> None:
    one = replace(phased(Adam(steps=6)), weighting=GradientNorm(period=2))
    due = [one.weighting.due(step) for step in range(6)]
    assert 0 < sum(due) < 6
    assert column(one, "evaluations") == [0, *(np.arange(1, 7) + np.cumsum(due))]


@pytest.mark.parametrize("searching", [LBFGS(steps=4), GradientDescentArmijo(steps=4)])
def test_a_search_counts_what_it_evaluates_and_the_phases_first(searching: Optimizer) -> None:
    one = phased(Adam(steps=2), searching, Adam(steps=2), searching)
    pack = Pack([one], [0], "cpu", 1, "auto")
    inner, seen = pack.loss.elsewhere, [0]  # what a step evaluates at other parameters

    def counting(parameters: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        seen[0] += len(members)
        return inner(parameters, members)

    pack.loss.elsewhere = counting  # type: ignore[method-assign]
    expected = [0]
    for step in range(one.steps):
        before = seen[0]
        pack.advance(step)
        adam = step in (0, 1, 6, 7)
        first = step in (2, 8)
        expected.append(expected[-1] + (1 if adam else seen[0] - before + first))
    assert pack.state.sums["work"][:, 0, 0].tolist() == expected
    assert expected[-1] > one.steps


def test_a_pack_counts_as_its_members_do_and_as_if_never_interrupted(tmp_path: Path) -> None:
    one = phased(Adam(steps=3), LBFGS(steps=6), precision="float64")
    members = [Member(one, seed) for seed in (0, 1)]
    whole = train(members)
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(1))
    train(members, checkpointing=checkpointing, stop_after=5)
    again = train(members, checkpointing=checkpointing)
    for member, expected, resumed in zip(members, whole, again, strict=True):
        assert resumed.digest() == expected.digest() == train([member])[0].digest()
    assert whole[0].table["work/evaluations"] != whole[1].table["work/evaluations"]


def test_every_stage_counts_on_and_runs_again() -> None:
    one = Configuration(
        problem=Convection(beta=2.0, points_x=9, points_t=9),
        network=Mlp(width=4, depth=1, activation="tanh"),
        objective=Pinn(),
        phases=(LBFGS(steps=2, tolerance_gradient=1e9),),
        stages=Curriculum(coefficient="beta", values=(1.0,)),
    )
    assert column(one, "evaluations") == [0, 1, 1, 2, 2]
    assert column(one, "stopped") == [0, GRADIENT, GRADIENT, GRADIENT, GRADIENT]


def test_who_has_stopped_says_why_until_the_next_phase() -> None:
    one = phased(LBFGS(steps=3, tolerance_change=1e9), Adam(steps=2))
    assert column(one, "stopped") == [0, *[NO_DESCENT] * 3, 0, 0]  # too level a slope
    assert column(one, "evaluations") == [0, 1, 1, 1, 2, 3]
    at_once = phased(LBFGS(steps=2, tolerance_gradient=1e9))
    assert column(at_once, "stopped") == [0, GRADIENT, GRADIENT]
    assert column(at_once, "evaluations") == [0, 1, 1]


def test_columns_name_their_reasons() -> None:
    assert work_columns([Adam(), Soap()]) == {}
    found = work_columns([Adam(), LBFGS()])
    assert list(found) == ["work/stopped"]
    assert all(words in found["work/stopped"] for words in STOP_REASONS.values())
    assert [RUNNING, *STOP_REASONS] == [RUNNING, GRADIENT, CHANGE, NO_DESCENT, NOT_FINITE]
