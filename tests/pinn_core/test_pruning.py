"""Packs that shrink: those who stay keep their bits, those who stop leave the run's first part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from pinn_core import Adam, Configuration, Marching, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.aggregations import ConFIG
from pinn_core.alignments import GUA
from pinn_core.optimizers import LBFGS, Soap
from pinn_core.problems import Convection, KleinGordon, Reaction
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.pruning import Pruning
from pinn_core.weightings import Annealing, Causal, SelfAdaptive

RECORD = Record(points=20, gradients_every=2, gradient_points=10, full_every=3, sketch_every=2)
RUNGS = (3, 5)
PLAN = {3: [1], 5: [0, 3]}
"""Who stops where, of four."""


def configuration(**parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": KleinGordon(points_per_axis=7),
            "network": Mlp(width=6, depth=2, activation="tanh", init="glorot"),
            "objective": Pinn(lambda_b=2.0),
            "phases": (Adam(steps=8, learning_rate=1e-3),),
            "record": RECORD,
            **parts,
        }
    )


def stops(step: int, values: ndarray, members: Sequence[int]) -> list[int]:
    return PLAN[step]


PLANNED = Pruning("loss/regression", RUNGS, stops)
PACKS = {
    "adam": configuration(),
    "lbfgs": configuration(phases=(Adam(steps=4), LBFGS(steps=4))),
    "annealing": configuration(weighting=Annealing(period=2)),
    "aligned": configuration(aggregation=ConFIG(), alignment=GUA(), record=RECORD),
    "soap": configuration(phases=(Soap(steps=8),)),
    "self-adaptive": configuration(weighting=SelfAdaptive()),
    "mini-batch": configuration(objective=Regression(batch=10)),
    "kept points": configuration(objective=Pinn(batch=9, points="latin", resample=0)),
    "new points, causal": configuration(
        problem=Reaction(points_x=8, points_t=6),
        objective=Pinn(batch=9, points="uniform"),
        weighting=Causal(chunks=3),
    ),
    "stages": configuration(
        problem=Convection(points_x=8, points_t=6),
        phases=(Adam(steps=4),),
        stages=Marching(windows=2),
        record=replace(RECORD, histograms_every=2, kernel_every=4),
    ),
}


def four(one: Configuration) -> list[Member]:
    """Members that differ in rate, weight of a term and seed."""
    found = []
    for seed in range(4):
        first = replace(one.phases[0], learning_rate=10.0 ** -(2 + seed / 2))
        found.append(Member(replace(one, phases=(first, *one.phases[1:])), seed))
    return found


SLOWLY = ("kept points", "new points, causal", "self-adaptive")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOWLY)) for name in PACKS]
)
def test_who_stays_keeps_its_bits_and_who_stops_has_the_first_part(name: str) -> None:
    members = four(PACKS[name])
    whole, shrunk = train(members), train(members, pruning=PLANNED)
    assert [one.pruned_at for one in shrunk] == [5, 3, None, 5]
    assert shrunk[2].digest() == whole[2].digest()
    for step, stopped in PLAN.items():
        first = train(members, stop_after=step)
        for member in stopped:
            assert shrunk[member].digest() == first[member].digest()
            assert shrunk[member].table.num_rows == step + 1


class Died(Exception):
    """A worker's death."""


@pytest.mark.parametrize(
    "name", ["lbfgs", "stages", "aligned", pytest.param("annealing", marks=pytest.mark.slow)]
)
def test_a_shrunken_pack_resumes_where_it_was(name: str, tmp_path: Path) -> None:
    members = four(PACKS[name])
    kept = Checkpointing(Folder(tmp_path), every_steps(1))
    seen: list[tuple[int, list[int]]] = []

    def stops_seen(step: int, values: ndarray, left: Sequence[int]) -> list[int]:
        seen.append((step, list(left)))
        assert values.shape == (RUNGS.index(step) + 1, len(left))
        assert np.isfinite(values).all()
        return PLAN[step]

    def die(step: int, _: int) -> None:
        if step in (4, 7):
            raise Died

    pruning = Pruning("loss/regression", RUNGS, stops_seen)
    for again in (False, False, True):
        try:
            found = train(
                members, pruning=pruning, checkpointing=kept, progress=None if again else die
            )
        except Died:
            continue
    assert seen == [(3, [0, 1, 2, 3]), (5, [0, 2, 3])]
    undisturbed = train(members, pruning=PLANNED)
    assert [one.digest() for one in found] == [one.digest() for one in undisturbed]
    assert [one.pruned_at for one in found] == [one.pruned_at for one in undisturbed]


def test_a_judge_sees_the_column_as_it_is_recorded() -> None:
    one = configuration(problem=Reaction(points_x=8, points_t=6))
    for metric in ("loss/regression", "full/error/relative_l2", "gradient/cosine"):
        seen: dict[int, list[float]] = {}

        def stops_none(
            step: int,
            values: ndarray,
            members: Sequence[int],
            seen: dict[int, list[float]] = seen,
        ) -> list[int]:
            seen[step] = values[-1].tolist()
            return []

        found = train(four(one), pruning=Pruning(metric, (3, 6), stops_none))
        for step, values in seen.items():
            assert values == [each.table[metric][step].as_py() for each in found]
        assert list(seen) == [3, 6]


def test_a_pack_of_which_nobody_is_left_ends() -> None:
    everybody = Pruning("loss/regression", (2,), lambda *asked: asked[2])
    found = train(four(configuration()), pruning=everybody)
    assert [one.table.num_rows for one in found] == [3] * 4


def test_what_diverged_stays_diverged_and_the_others_go_on() -> None:
    members = four(configuration())
    wild = replace(members[2].configuration, phases=(Adam(steps=8, learning_rate=1e30),))
    members[2] = Member(wild, 2)
    found = train(members, pruning=PLANNED)
    assert found[2].diverged_at is not None
    assert found[2].digest() == train([members[2]])[0].digest()
