"""Grids of domains that are no boxes."""

from __future__ import annotations

import numpy as np
import pytest

from pinn_core.geometry import Box, Disc, Region
from pinn_core.problems import Condition, HeatDisc, PoissonCube, PoissonLShape, Segment
from pinn_core.problems.clipped import clipped, clipped_size
from pinn_core.problems.lattice import lattice
from pinn_core.problems.scattered import scattered

SQUARE = Box((0.0, 0.0), (1.0, 2.0))


def radius(points: np.ndarray) -> np.ndarray:
    return np.hypot(points[:, :1], points[:, 1:2])


def held(*regions: Region) -> dict[str, Condition]:
    return {"boundary": Condition((Segment(regions),))}


def test_of_a_box_it_is_the_lattice() -> None:
    sides = [SQUARE.face(axis, end[axis]) for axis in (0, 1) for end in (SQUARE.low, SQUARE.high)]
    ours = clipped(SQUARE, held(*sides), (5, 9), radius)
    known = lattice(SQUARE, held(*sides), (5, 9), radius)
    assert np.array_equal(ours.interior.coordinates, known.interior.coordinates)
    assert np.array_equal(ours.interior.exact, known.interior.exact)
    assert {*map(tuple, ours.supervised.coordinates)} == {*map(tuple, known.supervised.coordinates)}


def test_points_of_the_bounding_box_that_lie_inside_and_of_the_boundary_by_arc_length() -> None:
    disc = Disc((1.0, 1.0), 1.0)
    grid = clipped(disc, held(disc.boundary), (21, 21), radius)
    inner, outer = grid.interior.coordinates, grid.supervised.coordinates
    assert np.allclose(inner * 10, np.round(inner * 10), rtol=0, atol=1e-9)
    assert len(inner) == 305  # of the lattice points of a circle of radius 10, without the rim
    assert len(outer) == round(2 * np.pi / 0.1)
    gaps = np.linalg.norm(outer - np.roll(outer, 1, axis=0), axis=1)
    assert gaps.max() - gaps.min() < 1e-12


def test_corners_are_supervised_once_however_many_parts_meet_there() -> None:
    problem = PoissonLShape(points_per_axis=11)
    supervised = problem.grid().supervised.coordinates
    for corner in problem.domain.corners:
        assert (np.linalg.norm(supervised - corner, axis=1) < 1e-9).sum() == 1
    assert len(supervised) == 40


def test_a_start_and_a_mantle_share_no_point() -> None:
    problem = HeatDisc(points_per_axis=9)
    grid = problem.grid()
    points = np.concatenate([grid.interior.coordinates, grid.supervised.coordinates])
    assert len(np.unique(np.round(points, 9), axis=0)) == len(points)
    start = grid.supervised.coordinates[:, 2] == 0
    assert start.sum() > (grid.supervised.coordinates[:, 2] == 0.5).sum()
    assert set(np.round(8 * grid.interior.coordinates[:, 2], 9)) == set(range(1, 9))


def test_a_grid_too_coarse_for_its_shape_is_refused() -> None:
    ring = Disc((0.0, 0.0), 1.0, "outer") - Disc((0.0, 0.0), 0.9, "inner")
    with pytest.raises(ValueError, match="a grid of 4 x 4 points has none inside"):
        clipped(ring, held(ring.boundary), (4, 4), radius)


def test_sizes_are_counted_or_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = HeatDisc(points_per_axis=41)
    counts = (41, 41, 41)
    grid = problem.grid()
    made = len(grid.interior.coordinates), len(grid.supervised.coordinates)
    assert clipped_size(problem.domain, problem.conditions, counts) == made
    monkeypatch.setattr("pinn_core.problems.clipped.MOST_COUNTED", 10)
    assert clipped_size(problem.domain, problem.conditions, counts) == pytest.approx(made, rel=0.05)


def test_scattered_points_are_even_in_every_coordinate() -> None:
    problem = PoissonCube(points_inside=1024, points_outside=512)
    grid = problem.grid()
    for column in grid.interior.coordinates.T:
        assert np.array_equal(np.sort((column * 1024).astype(int)), np.arange(1024))
    on = [
        face.holds(grid.supervised.coordinates)
        for face in problem.conditions["boundary"].segments[0].regions
    ]
    assert np.sum(on) == 512
    assert np.ptp(np.sum(on, axis=1)) <= 4
    again = scattered(problem.domain, problem.conditions, 1000, 512, problem.exact)
    assert np.array_equal(again.supervised.coordinates, grid.supervised.coordinates)
