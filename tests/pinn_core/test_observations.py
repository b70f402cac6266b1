"""Observations: read, checked, and terms of the loss like others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from pinn_core import (
    Adam,
    Configuration,
    Member,
    Mlp,
    Observations,
    Pinn,
    Record,
    Regression,
    train,
)
from pinn_core.aggregations import PCGrad
from pinn_core.configuration import run_id
from pinn_core.curricula import Curriculum, Marching
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives.terms import problem_terms
from pinn_core.observations import DataError
from pinn_core.observations.table import decoded, encoded
from pinn_core.optimizers import LBFGS
from pinn_core.probes import PairwiseCosine
from pinn_core.probes.layer_gradients import LayerGradients
from pinn_core.problems import Burgers, Cavity, Heat, Problem
from pinn_core.samplers import Foreseeing
from pinn_core.training import native_steps
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.native_steps import NativeSteps
from pinn_core.training.pack import Pack
from pinn_core.weightings import Annealing, Ntk, SelfAdaptive
from tests.pinn_core.backends import needs_native

HEAT = Heat(points_per_axis=7)
CAVITY = Cavity(points_per_axis=9)
SPARSE = Record(points=40, gradients_every=5, gradient_points=20, full_every=10, sketch_every=10)


def seen(problem: Problem = HEAT, count: int = 11, **changes: Any) -> Observations:
    """Values of a smooth field at points drawn inside the domain; the first component alone."""
    rng = np.random.default_rng(3)
    points = problem.domain.at(rng.random((count, len(problem.coordinates))))
    table = np.column_stack([points, np.sin(points.sum(axis=1))])
    names = (*problem.coordinates, problem.components[0])
    return Observations.of(changes.pop("name", "sensors"), table, names, **changes)


def configuration(*data: Observations, problem: Problem = HEAT, **changes: Any) -> Configuration:
    parts: dict[str, Any] = {
        "problem": problem,
        "network": Mlp(width=8, depth=2),
        "objective": Pinn(lambda_b=100.0),
        "phases": (Adam(steps=20),),
        "record": SPARSE,
        "data": data,
    }
    return Configuration(**{**parts, **changes})


def table_of(one: Configuration, seed: int = 0, **options: Any) -> pd.DataFrame:
    (trajectory,) = train([Member(one, seed)], **options)
    return trajectory.table.to_pandas()


def digests(pack: list[Member], **options: Any) -> list[str]:
    return [trajectory.digest() for trajectory in train(pack, **options)]


def by_autograd(disc: Discretization, theta: torch.Tensor, outputs: list[int]) -> torch.Tensor:
    """The loss of one member's observations, and its gradient, from the plain network."""
    points = disc.observed_points["sensors"]
    h = points.coordinates[0]
    *hidden, (weights, biases) = disc.stack.layers(theta[None])
    for w, b in hidden:
        h = torch.tanh(h @ w[0].T + b[0])
    values = (h @ weights[0].T + biases[0])[:, outputs]
    return (values - points["target"][0]).square().sum(1).mean()


@pytest.mark.parametrize("problem", [HEAT, CAVITY])
def test_loss_and_gradient_are_those_of_autograd(problem: Problem) -> None:
    network = Mlp(width=6, depth=2, activation="tanh")
    disc = Discretization(problem, network, "float64", observations=[seen(problem)])
    term = problem_terms(disc)[-1]
    size = len(problem.coordinates), problem.outputs
    theta = torch.stack([network.initial(*size, seed) for seed in (0, 1)])
    points = disc.observed_points["sensors"]
    found, _ = term.loss_and_gradient(disc, theta, points)
    differentiable = term.differentiable_loss(disc, theta, points)
    for member in (0, 1):
        own = theta[member].clone().requires_grad_()
        loss = by_autograd(disc, own, [0])
        (gradient,) = torch.autograd.grad(loss, own)
        torch.testing.assert_close(found.loss[member], loss.detach(), rtol=1e-12, atol=0)
        torch.testing.assert_close(differentiable[member], loss.detach(), rtol=1e-12, atol=0)
        torch.testing.assert_close(found.gradient[member], gradient, rtol=1e-9, atol=1e-12)


CASES = {
    "all observations": configuration(seen(weight=10.0)),
    "a batch of both": configuration(seen(batch=4), objective=Pinn(batch=30)),
    "a batch and all observations": configuration(seen(), objective=Pinn(batch=30)),
    "one of three outputs": configuration(seen(CAVITY), problem=CAVITY),
    "two terms": configuration(seen(), seen(name="probes", count=5)),
    "weights that change": configuration(seen(), weighting=Annealing(period=8)),
}


@needs_native
@pytest.mark.parametrize("case", CASES)
def test_native_steps_give_the_bits_of_steps_in_python(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_steps, "SECONDS", 1e9)
    pack = with_noise(CASES[case])
    assert Pack([m.configuration for m in pack], [0, 1, 2], "cpu", 1, "native").native
    expected = digests(pack, backend="native")
    monkeypatch.setattr(NativeSteps, "of", classmethod(lambda *_: None))
    assert digests(pack, backend="native") == expected
    assert [digests([member], backend="native")[0] for member in pack] == expected


def with_noise(one: Configuration) -> list[Member]:
    """Members that differ in noise, weight and seed."""
    return [
        Member(replace(one, data=tuple(replace(d, noise=n, weight=w) for d in one.data)), seed)
        for seed, (n, w) in enumerate([(0.0, 1.0), (0.1, 1.0), (0.1, 5.0)])
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": (LBFGS(steps=6),)},
        {"aggregation": PCGrad()},
        {"weighting": Ntk(period=4)},
        {"weighting": SelfAdaptive(terms="all")},
        {"objective": Pinn(points="uniform", batch=20)},
        {"objective": Pinn(reduction="sum", lambda_b=1.0)},
        {"record": replace(SPARSE, probes=(PairwiseCosine(every=5), LayerGradients(every=5)))},
        {
            "record": replace(SPARSE, curvature_every=2, histograms_every=2, kernel_every=2),
            "phases": (Adam(steps=1),),
            "network": Mlp(width=4, depth=1),
        },
    ],
)
def test_every_method_takes_the_term_and_members_stay_independent(changes: dict[str, Any]) -> None:
    pack = with_noise(configuration(seen(), **changes))
    together = train(pack)
    assert [one.digest() for one in together] == [digests([member])[0] for member in pack]
    columns = together[0].table.column_names
    assert {"loss/sensors", "weight/sensors", "gradient/norm/sensors", "error/data"} <= {*columns}
    assert "full/loss/sensors" not in columns
    if "curvature/total" in columns:
        assert {"curvature/sensors", "histogram/sensors", "kernel/sensors"} <= {*columns}


def test_a_pruned_pack_keeps_each_members_noise() -> None:
    pack = with_noise(configuration(seen()))
    made = Pack([member.configuration for member in pack], [0, 1, 2], "cpu", 1, "auto")
    targets = made.disc.observed_points["sensors"]["target"].clone()
    for rows, left in (([1], [0, 2]), ([1], [0])):
        made.stop(rows, 0, made.state.parameters)
        assert torch.equal(made.batches.at(0)["sensors"]["target"], targets[left])
        assert torch.equal(made.disc.observed_points["sensors"]["target"], targets[left])


def test_a_resumed_pack_and_every_stage_keep_each_members_noise(tmp_path: Path) -> None:
    stages = Curriculum(coefficient="a2", values=(1.0,))
    pack = with_noise(configuration(seen(), stages=stages, phases=(Adam(steps=10),)))
    expected = [digests([member])[0] for member in pack]
    assert digests(pack) == expected
    kept = Checkpointing(Folder(tmp_path), every_steps(7))
    train(pack, checkpointing=kept, stop_after=15)
    assert digests(pack, checkpointing=kept) == expected


def test_the_columns_say_what_their_names_do() -> None:
    data = seen(weight=10.0, noise=0.2)
    one = configuration(data)
    table = table_of(one, seed=4)
    values, targets = data.values(HEAT), data.targets(HEAT, 4)
    network, disc = one.network, Discretization(HEAT, one.network)
    start = network.initial(3, 1, 4)[None].float()
    points = disc.point_set({"coordinates": data.points(HEAT)[None]})
    made = disc.values(start, points)[0].double().numpy()
    error = np.linalg.norm(made - values) / np.linalg.norm(values)
    assert table["error/data"][0] == pytest.approx(error, rel=1e-5)
    assert table["loss/sensors"][0] == pytest.approx(((made - targets) ** 2).mean(), rel=1e-5)
    assert (table["weight/sensors"] == 10.0).all()
    total = table["loss/residual"] + 100 * table["loss/boundary"] + 10 * table["loss/sensors"]
    np.testing.assert_allclose(table["loss/total"], total, rtol=1e-6)
    assert table["error/data"].notna().all()


def test_the_distance_is_recorded_in_every_row_of_a_batch_too() -> None:
    table = table_of(configuration(seen(batch=4), objective=Pinn(batch=30)))
    assert table["error/data"].notna().all()
    assert table["loss/sensors"].notna().to_numpy().nonzero()[0].tolist() == [0, 5, 10, 15, 20]


def test_observations_are_learnt() -> None:
    data = seen(weight=100.0)
    table = table_of(
        configuration(
            data, objective=Pinn(lambda_b=0.0), phases=(Adam(steps=500, learning_rate=1e-2),)
        )
    )
    assert table["error/data"].iloc[-1] < 0.1 < table["error/data"].iloc[0]


def test_noise_belongs_to_the_seed_and_to_nothing_else() -> None:
    data = seen(noise=0.5, count=4000)
    first, again, other = (data.targets(HEAT, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    added = first - data.values(HEAT)
    assert added.std() == pytest.approx(0.5 * data.values(HEAT).std(), rel=0.05)
    louder = replace(data, noise=1.0).targets(HEAT, 1) - data.values(HEAT)
    np.testing.assert_allclose(louder, 2 * added, rtol=1e-9)


def test_a_runs_name_has_the_content_and_not_where_it_came_from(tmp_path: Path) -> None:
    columns = {"x": "x", "y": "y", "t": "time", "u": "T"}
    rows = "0.1,0.2,0.3,1.5\n0.4,0.5,0.6,-2\n"
    (tmp_path / "a.csv").write_text("x,y,time,T\n" + rows)
    (tmp_path / "b.csv").write_text("T,unused,x,y,time\n1.5,a,0.1,0.2,0.3\n-2,b,0.4,0.5,0.6\n")
    (tmp_path / "c.csv").write_text("x,y,time,T\n" + rows.replace("-2", "-2.0000001"))
    frame = pd.read_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "d.parquet")
    same = [
        Observations.of("sensors", tmp_path / "a.csv", columns),
        Observations.of("sensors", tmp_path / "b.csv", columns),
        Observations.of("sensors", tmp_path / "d.parquet", columns),
        Observations.of("sensors", frame, columns),
        Observations.of("sensors", frame.to_numpy(), ("x", "y", "t", "u")),
    ]
    names = {run_id(configuration(one), 0) for one in same}
    assert len(names) == 1
    other = Observations.of("sensors", tmp_path / "c.csv", columns)
    changes = [
        other,
        replace(same[0], weight=2.0),
        replace(same[0], noise=0.1),
        replace(same[0], name="s"),
    ]
    others = {run_id(configuration(one), 0) for one in changes}
    assert len(others) == 4
    assert not names & others
    assert run_id(configuration(), 0) not in names | others


def test_a_run_without_data_has_the_name_that_it_always_had() -> None:
    assert "data" not in configuration().identity()
    one = Configuration(problem=Heat(), network=Mlp(), objective=Pinn(), phases=(Adam(steps=10),))
    assert run_id(one, 0, rule=1) == "66cf3ac80a78f32a"


def test_a_copy_is_the_same_table_or_refused() -> None:
    table = seen().table
    file = encoded(table)
    assert decoded(file, table.content).content == table.content
    for wrong in (file[:-9], b"", file.replace(b"PAR1", b"PAR2")):
        with pytest.raises(DataError, match="damaged"):
            decoded(wrong, table.content)
    with pytest.raises(DataError, match="damaged: its content is not what its name says"):
        decoded(file, "0" * 32)


CSV = "x,y,t,u\n"
WRONG: dict[str, tuple[str, str]] = {
    "a column is missing": (
        "x,y,time,u\n0,0,0,1\n1,1,1,2\n",
        "column 't' is missing, allowed: x, y, time, u",
    ),
    "a column twice": ("x,y,t,t,u\n0,0,0,0,1\n1,1,1,1,2\n", "column 't' is 2 times"),
    "text": (CSV + "0,0,0,1\n1,1,1,warm\n", "row 2: column 'u' holds 'warm', allowed: numbers"),
    "dates": (
        CSV + "0,0,2024-01-01,1\n1,1,2024-01-02,2\n",
        "row 1: column 't' holds '2024-01-01', allowed: numbers",
    ),
    "an empty cell": (CSV + "0,0,0,1\n1,1,1,\n", "row 2: column 'u' is empty or NaN"),
    "NaN": (CSV + "0,0,0,nan\n1,1,1,2\n", "row 1: column 'u' is empty or NaN"),
    "infinity": (CSV + "0,0,0,1\n1,1,1,-inf\n", "row 2: column 'u' is -inf"),
    "one row": (CSV + "0,0,0,1\n", "found 1 rows, allowed: at least 2"),
    "no row": (CSV, "found 0 rows, allowed: at least 2"),
    "no file at all": ("", "cannot be read"),
    "rows of different lengths": (CSV + "0,0,0,1\n1,1\n", "cannot be read"),
    "a point twice": (
        CSV + "0,0,0,1\n1,1,1,2\n0,0,0,3\n",
        "rows 1 and 3: the same point, allowed: one row for each point",
    ),
    "a point outside": (
        CSV + "0,0,0,1\n1,1.5,1,2\n",
        "row 2: x = 1, y = 1.5, t = 1 lies outside the domain, "
        "allowed: 0 <= x <= 1, 0 <= y <= 1, 0 <= t <= 1",
    ),
    "all points outside": (
        CSV + "0,0,60,1\n1,0,90,2\n",
        "all points lie outside: are the columns in the units of the domain?",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_said_with_file_and_row(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    file = tmp_path / "sensors.csv"
    file.write_text(text)
    with pytest.raises(DataError) as raised:
        configuration(Observations.of("sensors", file, {name: name for name in "xytu"}))
    assert "sensors" in str(raised.value)
    assert message in str(raised.value)


def noted(**changes: Any) -> Callable[[], object]:
    return lambda: configuration(seen(**changes))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a negative weight": (noted(weight=-1.0), "weight must be >= 0, found -1.0"),
    "a negative noise": (noted(noise=-0.1), "noise must be >= 0, found -0.1"),
    "a condition's name": (noted(name="boundary"), "name must be none of"),
    "a path as a name": (noted(name="a/b"), "name must be of 1 to 64 letters"),
    "two of one name": (
        lambda: configuration(seen(), seen()),
        "observations 'sensors': the name is taken",
    ),
    "the name of a term": (
        lambda: configuration(seen(Burgers(), name="initial"), problem=Burgers()),
        "'initial': the name is taken, by a condition of problem burgers",
    ),
    "a component that there is not": (
        lambda: configuration(Observations.of("s", np.zeros((2, 4)), ("x", "y", "t", "v"))),
        "problem heat has no 'v', allowed in columns: x, y, t (coordinates) and u (components)",
    ),
    "a coordinate that is lacking": (
        lambda: configuration(Observations.of("s", np.eye(3), ("x", "y", "u"))),
        "columns lacks the coordinate t of problem heat",
    ),
    "no component": (
        lambda: configuration(Observations.of("s", np.eye(3), ("x", "y", "t"))),
        "columns lacks a component of problem heat",
    ),
    "an array of another shape": (
        lambda: Observations.of("s", np.zeros(5), ("x", "u")),
        "found an array of the shape [5], allowed: [n, 2]",
    ),
    "a frame without the column": (
        lambda: Observations.of("s", pd.DataFrame({"x": [1.0]}), {"x": "z"}),
        "there is no column 'z'",
    ),
    "columns of different lengths": (
        lambda: Observations.of("s", {"x": [1.0], "u": [1.0, 2.0]}, {"x": "x", "u": "u"}),
        "its columns have the shapes [1], [2], allowed: one length",
    ),
    "an unknown kind of file": (
        lambda: Observations.of("s", "sensors.xlsx", {"x": "x"}),
        "sensors.xlsx: allowed are files that end in .csv or .parquet",
    ),
    "a file that is not there": (
        lambda: Observations.of("s", "nowhere.csv", {"x": "x"}),
        "there is no file nowhere.csv",
    ),
    "a batch where all points are trained": (noted(batch=4), "found the batch 4, allowed"),
    "a batch of more than there are": (
        lambda: configuration(seen(batch=12), objective=Pinn(batch=30)),
        "batch must be at most 11, the number of observations, found 12",
    ),
    "a regression": (
        lambda: configuration(seen(), objective=Regression()),
        "data: objective regression has no terms beside its own",
    ),
    "windows of time": (
        lambda: configuration(seen(Burgers()), problem=Burgers(), stages=Marching(windows=2)),
        "data: stages marching trains on one window of time after the other",
    ),
    "factors of points that change": (
        lambda: configuration(
            seen(batch=4),
            objective=Pinn(points="uniform", batch=20, resample=0),
            weighting=SelfAdaptive(terms="all"),
        ),
        "must be the same in every step",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_a_foreseeing_sampler_stays_one() -> None:
    for points, foresees in (("grid", True), ("uniform", False)):
        pinn = Pinn(points=points, batch=20)
        disc = Discretization(HEAT, Mlp(width=4, depth=1), observations=[seen(batch=3)])
        batches = pinn.batches(disc, [0, 1])
        assert isinstance(batches, Foreseeing) == foresees
        first, again = batches.at(7)["sensors"], batches.at(7)["sensors"]
        assert torch.equal(first.coordinates, again.coordinates)
        assert first.coordinates.shape == (2, 3, 3)
        assert not torch.equal(first.coordinates, batches.at(8)["sensors"].coordinates)
