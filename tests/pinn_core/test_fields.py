"""The fields that a training leaves: of which steps, at which points, and the numbers they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from pinn_core import Adam, Configuration, Member, Trajectory, train
from pinn_core.configuration import run_id
from pinn_core.curricula import Marching
from pinn_core.prediction import Solution
from pinn_core.problems import (
    Burgers,
    Cavity,
    CavityStream,
    Convection,
    Grid,
    Heat,
    Helmholtz,
    Points,
    Poisson,
    Problem,
)
from pinn_core.records.fields import Fields, decoded_fields, encoded_fields
from pinn_core.records.trajectory import TrajectoryError
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.fields import field_bytes, field_points, field_steps
from pinn_core.training.footprint import member_needs
from pinn_core.training.pruning import Pruning
from tests.pinn_core.packs import configuration, members


def leaving(fields: Any, parameters: Any = "final", **parts: Any) -> Configuration:
    small = configuration(steps=10)
    return replace(
        small, record=replace(small.record, fields=fields, parameters=parameters), **parts
    )


def left(trajectory: Trajectory) -> Fields:
    assert trajectory.fields is not None
    return trajectory.fields


@pytest.mark.parametrize("problem", [Heat(points_per_axis=6), Cavity(points_per_axis=6)])
def test_fields_are_what_the_stored_parameters_predict(problem: Problem) -> None:
    asked = leaving(6, 1, problem=problem)
    (trajectory,) = train([Member(asked, 0)])
    fields = left(trajectory)
    assert fields.steps.tolist() == [0, 1, 3, 5, 10]
    for place, step in enumerate(fields.steps.tolist()):
        solution = Solution(asked, trajectory.parameters[step])
        for found, what in ((fields.prediction, "value"), (fields.residual, "residual")):
            expected = solution.predict(fields.points, what)
            assert np.abs(found[place] - expected).max() <= 1e-6 * np.abs(expected).max()


def test_the_recorded_error_is_that_of_the_fields() -> None:
    (trajectory,) = train([Member(leaving(4, problem=Helmholtz(points_per_axis=9)), 0)])
    fields = left(trajectory)
    error = np.linalg.norm(fields.error[0]) / np.linalg.norm(fields.reference)
    recorded = trajectory.table["full/error/relative_l2"][0].as_py()
    assert error == pytest.approx(recorded, rel=1e-5)


def test_errors_of_a_stream_function_are_those_of_its_velocity() -> None:
    asked = leaving(2, problem=CavityStream(points_per_axis=6))
    (trajectory,) = train([Member(asked, 0)])
    fields = left(trajectory)
    solution = Solution(asked, trajectory.parameters[10])
    velocity = [
        solution.predict(fields.points, "y")[:, 0],
        -solution.predict(fields.points, "x")[:, 0],
    ]
    assert np.abs(fields.prediction[-1] - np.stack(velocity, 1)).max() <= 1e-6
    assert fields.outputs == ("u", "v")


def test_what_stays_changes_neither_numbers_nor_name_nor_pack() -> None:
    asked = [leaving(one) for one in ("none", "auto", 3, 32)]
    trajectories = [train([Member(one, 0)])[0] for one in asked]
    assert [one.fields is not None for one in trajectories] == [False, False, True, True]
    assert len({one.digest() for one in trajectories}) == 1
    assert len({run_id(one, 0, rule) for one in asked for rule in (1, 2)}) == 2, "one for each rule"
    together = train([Member(one, 0) for one in asked])
    assert [one.digest() for one in together] == [one.digest() for one in trajectories]
    alone = [content(one) for one in trajectories]
    assert [content(one) for one in together] == alone


def content(trajectory: Trajectory) -> bytes | None:
    return trajectory.fields and encoded_fields(trajectory.fields, "")


def test_a_run_that_diverges_leaves_what_was_sound() -> None:
    wild = replace(leaving(32), phases=(Adam(steps=10, learning_rate=1e30),))
    (trajectory,) = train([Member(wild, 0)])
    assert trajectory.diverged_at is not None
    assert left(trajectory).steps.tolist() == list(range(trajectory.diverged_at))


def test_a_run_that_stops_early_leaves_fields_until_then_whatever_dies(tmp_path: Path) -> None:
    def stops(step: int, values: ndarray, present: Sequence[int]) -> list[int]:
        return {3: [1], 6: []}[step]

    pack = members(leaving(6), [1e-3, 3e-3, 1e-2])
    pruning = Pruning("loss/regression", (3, 6), stops)
    whole, cut = train(pack, pruning=pruning), tmp_path
    assert [left(one).steps.tolist()[-1] for one in whole] == [10, 3, 10]
    checkpointing = Checkpointing(Folder(cut), every_steps(5))
    train(pack, pruning=pruning, checkpointing=checkpointing, stop_after=5)
    resumed = train(pack, pruning=pruning, checkpointing=checkpointing)
    assert [content(one) for one in resumed] == [content(one) for one in whole]


def test_a_marching_run_has_of_every_window_what_it_last_was() -> None:
    problem = Convection(points_x=8, points_t=9)
    asked = leaving(4, 1, problem=problem, stages=Marching(windows=2), phases=(Adam(steps=4),))
    (trajectory,) = train([Member(asked, 0)])
    fields, times = left(trajectory), left(trajectory).points[:, 1]
    assert {0, 4, 8} <= set(fields.steps.tolist())
    early, ends, last = (
        fields.prediction[fields.steps.tolist().index(step), :, 0] for step in (0, 4, 8)
    )
    assert np.isnan(early[times > 0.51]).all()
    assert np.isfinite(ends).all()
    first = times < 0.49
    assert np.array_equal(ends[first], last[first]), "the first window is over"
    assert not np.array_equal(ends[~first], last[~first])


@dataclass(frozen=True, kw_only=True)
class Disc(Heat):
    """Points in a disc that lie on no lattice."""

    def grid(self) -> Grid:
        draws = np.random.default_rng(0).uniform(size=(9000, 2))
        inside = draws[np.linalg.norm(draws - 0.5, axis=1) < 0.5]
        points = np.concatenate([np.insert(inside, 2, time, axis=1) for time in (0.0, 0.5, 1.0)])
        known = Points(points, points[:, :1], points[:, :1])
        return Grid(known, Points(*(table[:3] for table in vars(known).values())))


@pytest.mark.parametrize(
    ("problem", "counts"),
    [
        (Poisson(points_per_axis=5000), (4096,)),
        (Helmholtz(points_per_axis=100), (64, 64)),
        (Burgers(points_x=256, points_t=40), (64, 40)),
        (Heat(points_per_axis=40), (32, 32, 4)),
    ],
)
def test_points_are_a_coarser_lattice_with_the_same_ends(
    problem: Problem, counts: tuple[int, ...]
) -> None:
    points, reference = field_points(problem)
    axes = [np.unique(values) for values in points.T]
    assert tuple(map(len, axes)) == counts
    assert len(points) == np.prod(counts) == len(reference)
    grid = problem.grid()
    every = np.concatenate([grid.interior.coordinates, grid.supervised.coordinates])
    assert np.array_equal(
        [axis[[0, -1]] for axis in axes], np.stack([every.min(0), every.max(0)], 1)
    )
    known = dict(zip(map(tuple, grid.interior.coordinates), grid.interior.exact, strict=True))
    shared = [place for place, point in enumerate(map(tuple, points)) if point in known]
    assert all(reference[place] == known[tuple(points[place])] for place in shared[:50])


def test_scattered_points_are_drawn_slice_by_slice() -> None:
    points, reference = field_points(Disc())
    assert [int((points[:, 2] == time).sum()) for time in (0.0, 0.5, 1.0)] == [1024] * 3
    assert np.array_equal(reference[:, 0], points[:, 0])


def test_steps_and_sizes_are_known_before() -> None:
    assert [field_steps(leaving(one)) for one in ("none", "auto")] == [[], []]
    long = replace(leaving(32), phases=(Adam(steps=20_000),))
    steps = field_steps(long)
    assert (steps[0], steps[-1], len(steps)) == (0, 20_000, 31)
    asked = leaving(6, problem=Helmholtz(points_per_axis=30))
    (trajectory,) = train([Member(asked, 0)])
    assert field_bytes(asked) == pytest.approx(len(content(trajectory) or b""), rel=0.02)
    assert field_bytes(leaving("auto")) == 0
    assert member_needs(asked)["snapshots"] == field_bytes(asked)


def test_a_file_of_fields_is_the_same_each_time_and_names_its_run() -> None:
    (trajectory,) = train([Member(leaving(6), 0)])
    written = encoded_fields(left(trajectory), "one")
    assert written == encoded_fields(left(trajectory), "one")
    again = decoded_fields(written, "one", "x")
    assert again.coordinates == ("x", "y", "t")
    assert np.array_equal(again.residual, left(trajectory).residual)
    with pytest.raises(TrajectoryError, match="x: holds the fields of another run, one"):
        decoded_fields(written, "two", "x")
    with pytest.raises(TrajectoryError, match="x: not a file of fields"):
        decoded_fields(written[:40], "one", "x")


@pytest.mark.parametrize("wrong", [0, 1, -3])
def test_fewer_than_two_steps_are_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="fields must be >= 2"):
        leaving(wrong)
