"""Curriculum and time marching: which problem is trained on when, and what is recorded of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import (
    Adam,
    Configuration,
    Curriculum,
    Marching,
    Member,
    Mlp,
    Pinn,
    Record,
    Regression,
    canonical_json,
    train,
)
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives.terms import problem_terms
from pinn_core.optimizers import LBFGS
from pinn_core.parts import UnknownName
from pinn_core.problems import (
    AllenCahn,
    Convection,
    Heat,
    HeatDisc,
    Helmholtz,
    KleinGordon,
    Reaction,
    ReactionDiffusion,
    Wave,
)
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.pack import Pack
from pinn_core.weightings import Annealing, ResidualAttention

RECORD = Record(points=30, gradients_every=2, gradient_points=10, full_every=3, sketch_every=0)
CURRICULUM = Curriculum(coefficient="beta", values=(1, 2))
TINY = Convection(points_x=8, points_t=7, beta=3.0)
UNTIL_THIRDS = (Adam(steps=2, learning_rate=1e-2), Adam(steps=3, learning_rate=1e-2))


def configuration(**parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": TINY,
            "network": Mlp(width=6, depth=2, activation="tanh", init="glorot"),
            "objective": Pinn(lambda_b=2.0),
            "phases": UNTIL_THIRDS,
            "record": RECORD,
            "stages": Marching(windows=3),
            "precision": "float64",
            **parts,
        }
    )


def packed(one: Configuration, seeds: tuple[int, ...] = (0,)) -> Pack:
    return Pack([one] * len(seeds), seeds, "cpu", 1, "eager")


def frame(one: Configuration, seed: int = 0, **how: Any) -> Any:
    return train([Member(one, seed)], **how)[0].table.to_pandas()


def digests(one: Configuration, seeds: tuple[int, ...], **how: Any) -> dict[int, str]:
    trained = train([Member(one, seed) for seed in seeds], **how)
    return {seed: each.digest() for seed, each in zip(seeds, trained, strict=True)}


@pytest.mark.parametrize("stages", [CURRICULUM, Marching(windows=3)])
def test_the_phases_run_once_for_each_stage(stages: Any) -> None:
    one = configuration(stages=stages)
    assert one.steps == 15
    table = frame(one)
    assert list(table["step"]) == list(range(16))
    assert np.isfinite(table["loss/batch"]).all()
    assert (table["update/norm"][:-1] > 0).all()
    norms, distances = table["update/norm"], table["update/distance"]
    assert (distances.diff()[1:].abs() <= norms[:-1].to_numpy() * (1 + 1e-9)).all()
    assert table["update/cosine"][1:-1].notna().all()


def evaluated(problem: Any, pack: Pack) -> dict[str, float]:
    """The terms of a plain discretization of the problem, at a pack's parameters."""
    disc = Discretization(problem, pack.configuration.network, "float64", backend="eager")
    batch = pack.objective.batches(disc, [0]).at(0)
    terms = pack.objective.evaluate(disc, pack.state.parameters, batch).terms
    return {name: float(term.loss[0]) for name, term in terms.items()}


def test_a_curriculum_ends_at_the_problem_and_passes_the_values() -> None:
    one = configuration(stages=CURRICULUM)
    with torch.no_grad():
        pack = packed(one)
        for step in range(one.steps):
            pack.advance(step)
            beta = (1.0, 2.0, 3.0)[step // 5]
            assert pack.disc.problem.beta == beta
        pack.end(one.steps)
        target = evaluated(one.problem, pack)
    last = frame(one, backend="eager").iloc[-1]
    for name, loss in target.items():
        assert last[f"loss/{name}"] == pytest.approx(loss, rel=1e-12)


def test_a_curriculums_first_stage_is_the_run_on_its_problem() -> None:
    first = frame(configuration(stages=CURRICULUM), backend="eager")[:5]
    alone = replace(TINY, beta=1.0)
    plain = frame(Configuration(**parts_of(alone)), backend="eager")[:5]
    for column in ("loss/batch", "error/relative_l2", "full/loss/residual", "update/norm"):
        assert first[column].equals(plain[column])


def parts_of(problem: Any) -> dict[str, Any]:
    one = configuration(problem=problem)
    names = ("network", "objective", "phases", "record", "precision", "problem")
    return {name: getattr(one, name) for name in names}


def test_a_regression_learns_each_stages_solution() -> None:
    problem = Reaction(points_x=8, points_t=6, rho=5.0)
    stages = Curriculum(coefficient="rho", values=(0.0, 2.0))
    one = configuration(problem=problem, stages=stages, objective=Regression(batch="full"))
    pack = packed(one)
    for step, rho in ((0, 0.0), (4, 0.0), (5, 2.0), (10, 5.0)):
        with torch.no_grad():
            for each in range(pack.state.step, step + 1):
                pack.advance(each)
        points = replace(problem, rho=rho).exact(pack.loss.batch["grid"].coordinates[0].numpy())
        assert np.array_equal(pack.loss.batch["grid"]["reference"][0].numpy(), points)


def test_windows_cut_the_grid_and_the_collocation_points() -> None:
    problem = replace(TINY, interior_points=11)
    windows = [Marching(windows=3).problem(problem, stage) for stage in range(3)]
    assert [window.interior_points for window in windows] == [3, 4, 4]
    whole = problem.grid()
    inside = np.concatenate([window.grid().interior.coordinates for window in windows])
    assert {tuple(row) for row in inside} == {tuple(row) for row in whole.interior.coordinates}
    assert len(inside) == len(whole.interior.coordinates)
    for window, (low, high) in zip(windows, [(0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1)], strict=True):
        points = window.grid().supervised
        time = points.coordinates[:, 1]
        assert np.allclose([window.domain.low[1], window.domain.high[1]], [low, high])
        assert ((time >= window.domain.low[1]) & (time <= window.domain.high[1])).all()
        start = time == window.domain.low[1]
        assert start.sum() == 8
        assert np.isnan(points.exact[start]).all() == (low > 0)
        assert np.isfinite(points.exact[~start]).all()


@pytest.mark.parametrize(
    "problem",
    [
        Reaction(points_x=8, points_t=8),
        ReactionDiffusion(points_x=8, points_t=8),
        AllenCahn(points_x=8, points_t=8),
        Wave(points_per_axis=8),
        KleinGordon(points_per_axis=8),
        HeatDisc(points_per_axis=9),
    ],
    ids=lambda problem: problem.kind,
)
def test_the_start_is_the_problems_and_then_the_networks(problem: Any) -> None:
    one = configuration(problem=problem, stages=Marching(windows=4))
    ours = [name for name in problem.conditions if name in ("initial", "velocity")]
    with torch.no_grad():
        pack = packed(one, (0, 1))
        plain = Discretization(problem, one.network, "float64", backend="eager")
        for name in ours:
            for table in ("coordinates", "target"):
                found = pack.disc.condition_points[name].tables[table]
                assert found.equal(plain.condition_points[name].tables[table])
        for step in range(11):
            if step in (5, 10):
                ended = pack.state.parameters.clone()
            pack.advance(step)
        assert pack.state.stage == 2
        for name in ours:
            point_set = pack.loss.batch[name]
            time = problem.coordinates.index("t")
            assert (point_set.coordinates[..., time] == 0.5).all()
            (term,) = (term for term in problem_terms(plain) if term.name == name)
            expected, _ = term.quantities(plain, ended, point_set)
            assert torch.allclose(point_set["target"], expected, rtol=1e-12, atol=1e-14)
            assert not torch.allclose(point_set["target"][0], point_set["target"][1])
        others = [name for name in problem.conditions if name not in ours]
        assert all(torch.isfinite(pack.loss.batch[name]["target"]).all() for name in others)


def test_the_velocity_that_is_passed_on_is_the_networks_derivative() -> None:
    one = configuration(problem=Wave(points_per_axis=8), phases=(Adam(steps=3),))
    pack = packed(one)
    with torch.no_grad():
        for step in range(3):
            pack.advance(step)
        before, parameters = pack.disc, pack.state.parameters.clone()
        pack.advance(3)
    point_set = pack.disc.condition_points["velocity"]
    ahead, behind = (point_set.coordinates.clone() for _ in range(2))
    ahead[..., 1] += 1e-5
    behind[..., 1] -= 1e-5
    with torch.no_grad():
        high, low = (before.linearize(parameters, at).channels[:, 0] for at in (ahead, behind))
    assert torch.allclose(point_set["target"], (high - low) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"problem": replace(TINY, interior_points=20)},
        {"problem": replace(TINY, points_t=9), "stages": Marching(windows=3)},
        {"objective": Pinn(lambda_b=2.0, batch=12), "record": replace(RECORD, points=1000)},
    ],
)
def test_what_is_judged_are_all_windows_so_far(parts: dict[str, Any]) -> None:
    """Against the networks' values at the grid's points, window by window, and plain sums."""
    one = configuration(**parts)
    windows = one.stages.count
    ends = []
    with torch.no_grad():
        pack = packed(one)
        for step in range(one.steps):
            pack.advance(step)
            if (step + 1) % 5 == 0:
                ends.append(pack.state.parameters.clone())
        disc = Discretization(one.problem, one.network, "float64", backend="eager")
        values = [disc.values(end, disc.grid)[0, :, 0].numpy() for end in ends]
    time = disc.grid.coordinates[0, :, 1].numpy()
    exact = disc.grid["exact"][0, :, 0].numpy()
    edges = np.linspace(0, 1, windows + 1)
    table = frame(one, backend="eager")

    def expected(stage: int) -> tuple[float, float]:
        until = time <= edges[stage + 1]
        window = np.clip(np.searchsorted(edges, time, side="left") - 1, 0, None)
        found = np.choose(np.minimum(window, stage), values)[until]
        squares = np.square(found - exact[until]).sum()
        return squares / until.sum(), np.sqrt(squares / np.square(exact[until]).sum())

    regression, error = expected(windows - 1)
    full = table.dropna(subset="full/error/relative_l2")
    last = full.iloc[-1]
    assert last["step"] == one.steps
    assert last["full/loss/regression"] == pytest.approx(regression, rel=1e-10)
    assert last["full/error/relative_l2"] == pytest.approx(error, rel=1e-10)
    if one.problem.interior_points != "all":  # the row's are those of the points trained on
        return
    assert np.allclose(full["full/error/relative_l2"], full["error/relative_l2"], rtol=1e-10)
    assert np.allclose(full["full/loss/regression"], full["loss/regression"], rtol=1e-10)


MARCHING = configuration(phases=(Adam(steps=2), LBFGS(steps=1)), precision="float32")
STAGED = [
    pytest.param(MARCHING, id="marching"),
    pytest.param(replace(MARCHING, objective=Pinn(batch=12)), id="batches"),
    pytest.param(
        replace(MARCHING, weighting=ResidualAttention(), problem=Wave(points_per_axis=7)),
        id="wave, attention",
    ),
    pytest.param(
        replace(
            MARCHING,
            stages=CURRICULUM,
            weighting=Annealing(period=2),
            objective=Pinn(batch=9, points="latin"),
        ),
        id="curriculum, new points, annealing",
    ),
]


@pytest.mark.parametrize("one", STAGED)
def test_staged_runs_are_the_same_alone_and_packed(one: Configuration) -> None:
    alone = {seed: digests(one, (seed,))[seed] for seed in (0, 1)}
    assert digests(one, (1, 2, 0), threads=2).items() >= alone.items()


class Died(Exception):
    """A worker's death."""


@pytest.mark.parametrize("one", STAGED)
def test_a_run_is_resumed_inside_any_stage(one: Configuration, tmp_path: Path) -> None:
    deaths = [2, 3, 7, 8]  # in the first stage, at its end, in the last, between its phases
    kept = Checkpointing(Folder(tmp_path), every_steps(1))

    def die(step: int, _: int) -> None:
        if step in deaths:
            deaths.remove(step)
            raise Died

    for _ in range(4):
        with pytest.raises(Died):
            digests(one, (0, 1), checkpointing=kept, progress=die)
    assert digests(one, (0, 1), checkpointing=kept) == digests(one, (0, 1))


def test_a_diverged_member_passes_nothing_on_to_its_neighbours() -> None:
    wild = replace(MARCHING, phases=(Adam(steps=5, learning_rate=1e30),))
    calm = replace(MARCHING, phases=(Adam(steps=5, learning_rate=1e-3),))
    together = train([Member(calm, 0), Member(wild, 1)])
    assert together[1].diverged_at is not None
    assert together[0].digest() == train([Member(calm, 0)])[0].digest()


def test_the_dictionary_says_the_stages() -> None:
    one = configuration(stages=CURRICULUM)
    plain = one.to_dict()
    assert plain["stages"] == {"kind": "curriculum", "coefficient": "beta", "values": [1.0, 2.0]}
    assert '"values":[1.0,2.0]' in canonical_json(plain)
    assert Configuration(**parts_of(TINY)).to_dict()["stages"] == {"kind": "none"}


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        (
            {"stages": Curriculum(coefficient="bata")},
            "unknown coefficient of convection 'bata': allowed are beta; did you mean 'beta'",
        ),
        ({"stages": Curriculum(values=(1.0, 3.0))}, "found 3 twice"),
        ({"stages": Curriculum(values=(1.0, 1.0))}, "found 1 twice"),
        (
            {"problem": Heat(), "stages": Curriculum(coefficient="freq", values=(1.5,))},
            "freq must be a whole number, found 1.5",
        ),
        (
            {"problem": Reaction(), "stages": Curriculum(coefficient="rho", values=(-1.0,))},
            "rho must be >= 0, found -1.0",
        ),
        ({"problem": Helmholtz()}, "helmholtz is steady, found x, y"),
        ({"problem": Heat()}, "'boundary' of heat is neither"),
        ({"stages": Marching(windows=7)}, r"at most 6, .* \(problem.points_t is 7\), found 7"),
        ({"problem": Wave(), "stages": Marching(windows=100)}, "points_per_axis is 100"),
        ({"problem": replace(TINY, interior_points=2)}, "at most 2, a collocation point for each"),
        ({"objective": Regression()}, "needs the objective pinn, found regression"),
        ({"objective": Pinn(batch=9, points="uniform")}, "needs points: grid, found uniform"),
    ],
)
def test_what_cannot_be_staged_is_refused(parts: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        configuration(**parts)


def test_an_unknown_coefficient_is_an_unknown_name() -> None:
    with pytest.raises(UnknownName):
        configuration(stages=Curriculum(coefficient="points_x"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Marching(windows=1), "windows must be >= 2, found 1"),
        (lambda: Curriculum(values=()), "values must hold at least one number, found none"),
        (lambda: Curriculum(values=(1.0, float("inf"))), "values.1 must be finite, found inf"),
    ],
)
def test_impossible_settings_are_named(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
