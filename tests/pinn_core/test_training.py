"""Whole trainings of every problem under every weighting and optimizer, a few steps each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pinn_core import Adam, Configuration, Fixed, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.inputs import Fourier, Periodic, Scaled
from pinn_core.networks import ModifiedMlp
from pinn_core.optimizers import OPTIMIZERS
from pinn_core.problems import (
    PROBLEMS,
    Convection,
    Heat,
    Helmholtz,
    KleinGordon,
    Reaction,
    Wave,
)
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.weightings import WEIGHTINGS, Annealing, Causal, Ntk, SelfAdaptive
from tests.pinn_core.small import optimizer, problem_of

RECORD = Record(points=20, gradients_every=4, gradient_points=10, full_every=4, sketch_every=0)


def configuration(problem: Any, **parts: Any) -> Configuration:
    dense = any(phase.kind == "ssbroyden" for phase in parts.get("phases", ()))
    return Configuration(
        **{
            "precision": "float64" if dense else "float32",
            "problem": problem,
            "network": Mlp(width=6, depth=2, activation="tanh", init="glorot"),
            "objective": Pinn(lambda_b=2.0),
            "phases": (Adam(steps=5, learning_rate=1e-3),),
            "record": RECORD,
            **parts,
        }
    )


def digests(one: Configuration, seeds: tuple[int, ...], **how: Any) -> dict[int, str]:
    trained = train([Member(one, seed) for seed in seeds], **how)
    return {seed: each.digest() for seed, each in zip(seeds, trained, strict=True)}


def alone(one: Configuration, seeds: tuple[int, ...]) -> dict[int, str]:
    return {seed: digests(one, (seed,))[seed] for seed in seeds}


NEW = Pinn(lambda_b=2.0, batch=10, points="uniform")


SLOWLY = pytest.mark.slow


@pytest.mark.parametrize("kind", PROBLEMS.names())
@pytest.mark.parametrize(
    "objective",
    [
        NEW,
        pytest.param(Pinn(), marks=SLOWLY),
        pytest.param(Regression(batch=10), marks=SLOWLY),
    ],
)
def test_every_problem_trains_and_is_judged(kind: str, objective: Any) -> None:
    problem = problem_of(kind)
    table = train([Member(configuration(problem, objective=objective), 0)])[0].table.to_pandas()
    assert np.isfinite(table["loss/batch"]).all()
    assert np.isfinite(table["error/relative_l2"]).all()
    assert np.isfinite(table["full/loss/residual"].dropna()).all()
    for name in problem.conditions:
        assert table[f"full/loss/{name}"].notna().sum() == 2
        assert table[f"weight/{name}"].notna().all() == (objective.kind == "pinn")


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in ("klein_gordon", "reaction_diffusion") else pytest.param(kind, marks=SLOWLY)
        for kind in PROBLEMS.names()
    ],
)
def test_a_problems_runs_are_the_same_alone_and_packed(kind: str) -> None:
    one = configuration(problem_of(kind), objective=NEW)
    assert digests(one, (4, 5)) == alone(one, (4, 5)) == digests(one, (5, 4), threads=2)


def weighted(kind: str) -> Configuration:
    chunks = {"chunks": 5} if kind == "causal" else {}
    weighting = WEIGHTINGS[kind](**chunks)
    return configuration(KleinGordon(points_per_axis=7), weighting=weighting)


@pytest.mark.parametrize("kind", WEIGHTINGS.names())
def test_weighted_runs_are_the_same_alone_and_packed(kind: str) -> None:
    one = weighted(kind)
    assert digests(one, (0, 1)) == alone(one, (0, 1))


@pytest.mark.parametrize("kind", OPTIMIZERS.names())
@pytest.mark.parametrize(
    "weighting",
    [SelfAdaptive(), *(pytest.param(w, marks=SLOWLY) for w in (Fixed(), Causal(chunks=4)))],
)
def test_optimized_runs_are_the_same_alone_and_packed(kind: str, weighting: Any) -> None:
    phases = (Adam(steps=2), optimizer(kind, steps=3))
    if OPTIMIZERS[kind].squares and weighting.climbs:  # which are refused together
        weighting = Fixed()
    one = configuration(Convection(points_x=8, points_t=6), phases=phases, weighting=weighting)
    assert digests(one, (0, 1)) == alone(one, (0, 1))


FORMS: list[dict[str, Any]] = [
    {"inputs": Scaled(to="symmetric"), "weighting": Annealing()},
    {"inputs": Fourier(count=6), "network": ModifiedMlp(width=6, depth=2)},
    {"inputs": Periodic(frequencies=2), "constraints": "hard"},
    {"constraints": "hard", "network": Mlp(width=6, depth=2, parametrization="factorised")},
    {"network": ModifiedMlp(width=6, depth=3, variant="paper", parametrization="ntk")},
]


@pytest.mark.parametrize("parts", FORMS)
@pytest.mark.parametrize(
    "objective", [NEW, *(pytest.param(o, marks=SLOWLY) for o in (Pinn(), Regression(batch=10)))]
)
def test_runs_of_every_form_are_the_same_alone_and_packed(
    parts: dict[str, Any], objective: Any
) -> None:
    one = configuration(Reaction(points_x=8, points_t=6), objective=objective, **parts)
    assert digests(one, (0, 1)) == alone(one, (0, 1)) == digests(one, (1, 0), threads=2)


def test_what_the_form_keeps_is_no_term_and_has_no_error() -> None:
    exact = {"inputs": Periodic(), "constraints": "hard"}
    table = train([Member(configuration(Convection(points_x=8, points_t=6), **exact), 0)])[0].table
    frame = table.to_pandas()
    assert frame["weight/initial"].isna().all() and frame["weight/periodic"].isna().all()
    assert (frame["loss/initial"] < 1e-12).all()
    assert np.allclose(frame["loss/batch"], frame["loss/residual"])
    assert (frame["gradient/norm_boundary"] == 0).all() and frame["gradient/cosine"].isna().all()


class Died(Exception):
    """A worker's death."""


@pytest.mark.parametrize(
    "one",
    [
        *(pytest.param(weighted(kind), id=kind) for kind in WEIGHTINGS.names()),
        *(
            pytest.param(
                configuration(Helmholtz(points_per_axis=7), phases=(optimizer(kind, steps=5),)),
                id=kind,
            )
            for kind in OPTIMIZERS.names()
        ),
        pytest.param(configuration(Wave(points_per_axis=7), objective=NEW), id="new points"),
    ],
)
def test_a_resumed_run_is_the_run(one: Configuration, tmp_path: Path) -> None:
    def die(step: int, _: int) -> None:
        if step == 3:
            raise Died

    kept = Checkpointing(Folder(tmp_path), every_steps(1))
    with pytest.raises(Died):
        digests(one, (0, 1), checkpointing=kept, progress=die)
    assert digests(one, (0, 1), checkpointing=kept) == digests(one, (0, 1))


def test_weights_are_those_of_the_step_that_leaves_the_row() -> None:
    annealed = configuration(KleinGordon(points_per_axis=7), weighting=Annealing(period=3))
    table = train([Member(annealed, 0)])[0].table.to_pandas()
    assert (table["weight/residual"] == 1).all()
    for name in ("initial", "boundary"):
        changes = np.flatnonzero(np.diff(table[f"weight/{name}"]))
        assert table[f"weight/{name}"][0] == 2.0
        assert set(changes) == {0, 3}
    total = table["loss/residual"] + sum(
        table[f"weight/{name}"] * table[f"loss/{name}"] for name in ("initial", "boundary")
    )
    assert np.allclose(total, table["loss/batch"], rtol=1e-5)


def test_kernel_weights_are_the_traces_ratios() -> None:
    one = configuration(KleinGordon(points_per_axis=7), weighting=Ntk(period=4))
    table = train([Member(one, 0)])[0].table.to_pandas()
    inverse = sum(1 / table[f"weight/{name}"] for name in ("residual", "initial", "boundary"))
    assert np.allclose(inverse[1:], 1.0, rtol=1e-5)


def test_a_regression_leaves_a_weighting_alone() -> None:
    fitted = configuration(KleinGordon(points_per_axis=7), objective=Regression(batch=10))
    first, second = (
        train([Member(each, 0)])[0].table
        for each in (fitted, replace(fitted, weighting=Annealing()))
    )
    assert first["loss/batch"].equals(second["loss/batch"])


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"weighting": Causal(), "problem": Helmholtz()}, "causal needs a problem with the time"),
        ({"weighting": SelfAdaptive(), "objective": NEW}, "self_adaptive keeps a factor"),
        ({"constraints": "hard", "problem": Heat()}, "problem heat has no form"),
        ({"inputs": Periodic(), "problem": Helmholtz()}, "helmholtz has no periodic condition"),
        ({"objective": Pinn(lambdas={"sides": 1.0})}, "unknown condition in objective.lambdas"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(parts: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        configuration(**{"problem": Convection(), **parts})
