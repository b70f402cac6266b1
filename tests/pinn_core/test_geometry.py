"""Shapes of the plane against closed forms: what they hold, how large they are, where they end."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from math import acos, pi, sqrt
from operator import and_, or_, sub

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn_core.geometry import BoundaryPart, Box, Disc, Over, Polygon, Region, Shape

SQUARE = Box((0.0, 0.0), (1.0, 1.0))
L_SHAPE = Polygon(((0, 0), (1, 0), (1, -1), (-1, -1), (-1, 1), (0, 1)))
RING = Disc((0.0, 0.0), 2.0, "outer") - Disc((0.0, 0.0), 1.0, "inner")
PLATE = Box((0.0, 0.0), (2.0, 1.0)) - Disc((1.0, 0.5), 0.25, "hole")
LENS = Disc((0.0, 0.0), 1.0, "left") & Disc((1.0, 0.0), 1.0, "right")
BITTEN = SQUARE - Disc((0.0, 0.0), 0.5, "bite")
SHAPES: dict[str, tuple[Shape, float, float]] = {
    "L": (L_SHAPE, 3.0, 8.0),
    "ring": (RING, 3 * pi, 6 * pi),
    "plate": (PLATE, 2 - pi / 16, 6 + pi / 2),
    "lens": (LENS, 2 * pi / 3 - sqrt(3) / 2, 4 * pi / 3),
    "bitten": (BITTEN, 1 - pi / 16, 3 + pi / 4),
    "L of boxes": (Box((-1.0, -1.0), (1.0, 1.0)) - SQUARE, 3.0, 8.0),
    "side by side": (SQUARE | Box((1.0, 0.0), (2.0, 1.0)), 2.0, 6.0),
    "keyhole": (SQUARE | Disc((1.0, 1.0), 0.5), 1 + 3 * pi / 16, 3 + 3 * pi / 4),
    "two": (Disc() | Disc((5.0, 0.0), 2.0), 5 * pi, 6 * pi),
    "tilted": (Polygon(((0, 0), (2, 1), (1, 3), (-1, 2))), 5.0, 4 * sqrt(5)),
}
every_shape = pytest.mark.parametrize("name", SHAPES)


def unit(count: int, dimensions: int = 2, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, dimensions))


@every_shape
def test_area_and_length_are_those_of_the_closed_form(name: str) -> None:
    shape, area, length = SHAPES[name]
    assert shape.measure == pytest.approx(area, rel=1e-12)
    assert shape.boundary.measure == pytest.approx(length, rel=1e-12)
    assert sum(part.measure for part in shape.parts.values()) == pytest.approx(length, rel=1e-12)


@every_shape
def test_points_inside_are_held_and_spread_evenly(name: str) -> None:
    shape, area, _ = SHAPES[name]
    points = shape.at(unit(20_000))
    assert shape.holds(points).all()
    box = Box(shape.low, shape.high)
    wide = box.at(unit(50_000, seed=1))
    assert shape.holds(wide).mean() * box.measure == pytest.approx(area, rel=0.02)
    inside = wide[shape.holds(wide)]
    for cut in np.linspace(0.1, 0.9, 5):  # in any strip, as many as there is of the shape
        for axis in (0, 1):
            place = box.low[axis] + cut * box.extent[axis]
            below = (inside[:, axis] < place).mean()
            assert (points[:, axis] < place).mean() == pytest.approx(below, abs=0.015)


@every_shape
def test_equal_shares_of_the_square_are_equal_areas(name: str) -> None:
    shape, area, _ = SHAPES[name]
    half = shape & Box(shape.low, (float(shape.at(np.array([[0.3, 0.5]]))[0, 0]), shape.high[1]))
    assert half.measure == pytest.approx(0.3 * area, rel=1e-9)


@every_shape
def test_points_of_the_boundary_are_equally_spaced_by_arc_length(name: str) -> None:
    shape, _, length = SHAPES[name]
    count = 40_000
    steps = (np.arange(count) + 0.5) / count
    points = shape.boundary.at(np.stack([steps, steps], 1))
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert np.median(gaps) == pytest.approx(length / count, rel=1e-6)
    assert (gaps <= length / count * (1 + 1e-6)).mean() > 0.999  # but from one loop to the next
    assert shape.boundary.holds(points).all()
    assert shape.holds(points).all()


@every_shape
def test_normals_have_length_one_and_lead_out_of_the_shape(name: str) -> None:
    shape, _, _ = SHAPES[name]
    points = shape.boundary.at(unit(500))
    normals = shape.boundary.normals(points)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1.0, rtol=0, atol=1e-14)
    assert not shape.holds(points + 1e-6 * normals).any()
    assert shape.holds(points - 1e-6 * normals).all()


@every_shape
def test_the_integral_of_the_normals_is_zero_and_gives_the_area(name: str) -> None:
    """Gauss' theorem, which a piece too much or the wrong way round would break."""
    shape, area, length = SHAPES[name]
    flux, turned = 0.0, np.zeros(2)
    for curve in shape.boundary.curves:
        share = (np.arange(2000) + 0.5) / 2000
        points, normals = curve.at(share), curve.normals(share)
        flux += (points * normals).sum() * curve.length / 2000
        turned += normals.sum(0) * curve.length / 2000
    assert flux / 2 == pytest.approx(area, rel=1e-6)
    assert np.abs(turned).max() < 1e-6 * length


def test_circles_are_no_polygons() -> None:
    points = RING.part("inner").at(unit(1000))
    assert np.allclose(np.hypot(*points.T), 1.0, rtol=0, atol=4e-16)
    normals = RING.part("inner").normals(points)
    assert np.allclose(normals, -points, rtol=0, atol=4e-15)
    assert np.allclose(RING.part("outer").normals(2 * points), points, rtol=0, atol=4e-15)


def test_an_arc_ends_where_the_circle_meets_an_edge() -> None:
    (arc,) = BITTEN.part("bite").curves
    ends = sorted([arc.start, arc.end])
    assert np.allclose(ends, [(0.0, 0.5), (0.5, 0.0)], rtol=0, atol=1e-15)
    assert BITTEN.part("bite").measure == pytest.approx(pi / 4, rel=1e-14)
    assert BITTEN.part("bottom").measure == pytest.approx(0.5, rel=1e-14)
    right = LENS.part("right")
    assert right.measure == pytest.approx(2 * acos(0.5), rel=1e-14)
    assert right.low[0] == 0.0


def test_polygons_are_shapelys() -> None:
    rng = np.random.default_rng(3)
    angles = np.sort(rng.random(9)) * 2 * pi
    radii = 0.5 + rng.random(9)
    corners = np.stack([radii * np.cos(angles), radii * np.sin(angles)], 1)
    ours, theirs = Polygon(tuple(map(tuple, corners.tolist()))), shapely.Polygon(corners)
    assert ours.measure == pytest.approx(theirs.area, rel=1e-12)
    assert ours.boundary.measure == pytest.approx(theirs.length, rel=1e-12)
    points = rng.uniform(-2, 2, (2000, 2))
    assert np.array_equal(ours.holds(points), shapely.contains_xy(theirs, *points.T))


@settings(max_examples=30)
@given(
    x=st.floats(-1.5, 1.5), y=st.floats(-1.5, 1.5), radius=st.floats(0.05, 2.0), turn=st.booleans()
)
def test_areas_of_pieces_add_up(x: float, y: float, radius: float, turn: bool) -> None:
    square, disc = Box((-1.0, -1.0), (1.0, 1.0)).shape, Disc((x, y), radius)
    first, second = (disc, square) if turn else (square, disc)

    def area(make: Callable[[Shape, Shape], Shape]) -> float:
        try:
            return make(first, second).measure
        except ValueError as error:
            assert "empty geometry" in str(error)
            return 0.0

    assert area(sub) + area(and_) == pytest.approx(first.measure, abs=1e-6)
    assert area(or_) == pytest.approx(area(sub) + second.measure, abs=1e-6)


def test_a_shape_over_a_time_has_a_mantle_and_a_start() -> None:
    domain = RING.over(0.5, 2.5)
    assert domain.low == (-2.0, -2.0, 0.5) and domain.high == (2.0, 2.0, 2.5)
    assert domain.measure == pytest.approx(6 * pi)
    wall, start = domain.part("inner"), domain.moment(0.5)
    assert wall.measure == pytest.approx(4 * pi)
    assert start.measure == pytest.approx(3 * pi)
    for region in (domain, wall, start, wall.cut(2, 1.0, 2.0), domain.boundary):
        points = region.at(unit(300, 3))
        assert region.holds(points).all() and domain.holds(points).all()
        assert isinstance(region, Region)
    assert (start.at(unit(5, 3))[:, 2] == 0.5).all()
    assert wall.at(unit(4000, 3))[:, 2].mean() == pytest.approx(1.5, abs=0.05)
    assert wall.normals(wall.at(unit(7, 3))).shape == (7, 2)
    assert not domain.holds(np.array([[1.5, 0.0, 0.4], [0.5, 0.0, 1.0]])).any()
    assert SQUARE.over(0.0, 2.0) == Box((0.0, 0.0, 0.0), (1.0, 1.0, 2.0))


def test_the_end_of_the_interval_and_its_start_are_points_of_the_shape() -> None:
    ends = np.array([[0.0, 0.0], [np.nextafter(1, 0), np.nextafter(1, 0)], [0.0, 0.7], [0.7, 0.0]])
    for name, (shape, _, _) in SHAPES.items():
        assert shape.holds(shape.at(ends)).all(), name
        assert shape.boundary.holds(shape.boundary.at(ends)).all(), name


def test_a_point_is_drawn_as_if_it_were_the_only_one() -> None:
    for shape, _, _ in SHAPES.values():
        many = unit(12)
        alone = np.concatenate([shape.at(one[None]) for one in many])
        assert np.array_equal(shape.at(many), alone)
        assert np.array_equal(shape.at(many.reshape(4, 3, 2)).reshape(-1, 2), alone)


def test_shapes_travel_and_are_what_they_are_made_of() -> None:
    for region in (RING, PLATE, RING.part("inner"), RING.over(0.0, 1.0), SQUARE):
        again = pickle.loads(pickle.dumps(region))
        assert again == region and hash(again) == hash(region)
        assert np.array_equal(
            again.at(unit(5, len(region.low))), region.at(unit(5, len(region.low)))
        )


def test_names_of_edges_and_of_what_has_the_same_name() -> None:
    named = Polygon(((0, 0), (1, 0), (1, 1), (0, 1)), ("hot", "cold", "hot", "cold"))
    assert named.part("hot").measure == 2.0
    assert named.part("hot", "cold").measure == 4.0
    assert list(PLATE.parts) == ["bottom", "right", "top", "left", "hole"]
    both = SQUARE - Disc((0.0, 0.0), 0.2, "hole") - Disc((1.0, 1.0), 0.2, "hole")
    assert both.part("hole").measure == pytest.approx(0.2 * pi)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Polygon(((0, 0), (1, 1), (1, 0), (0, 1))), "Self-intersection"),
        (lambda: Polygon(((0, 0), (1, 1))), "at least 3 corners, found 2"),
        (lambda: Polygon(((0, 0), (1, 1), (2, 2))), "make no polygon"),
        (lambda: Polygon(((0, 0), (1, 0), (0, 0), (0, 1))), "a corner comes twice"),
        (lambda: Polygon(((0, 0), (1, 0), (0, float("nan")))), "a coordinate is not finite"),
        (lambda: Polygon(((0, 0), (1, 0), (0, 1)), ("a", "b")), "3, one for each, found 2"),
        (lambda: Disc((0, 0), 0.0), "radius must be > 0, found 0.0"),
        (lambda: Disc((0, float("inf")), 1.0), r"centre\[1\] must be finite"),
        (lambda: SQUARE - Disc((0, 0), 9.0), "empty geometry: nothing is left of"),
        (lambda: SQUARE & Disc((9, 9), 1.0), "nothing is left of"),
        (lambda: SQUARE - SQUARE, "empty geometry"),
        (lambda: PLATE.part("hol"), "has no part 'hol', allowed: .*; did you mean 'hole'"),
        (
            lambda: (SQUARE - Disc((9, 9), 1.0, "hole")).part("hole"),
            "part 'hole' vanished: .* allowed: bottom, right, top, left",
        ),
        (lambda: Box((0.0,), (1.0,)) - Disc(), "shapes have two dimensions"),
        (lambda: RING.over(1.0, 1.0), "a time must end after its start"),
        (lambda: RING.cut(0, 0.0, 1.0), "along axis 0: .* has no time"),
        (lambda: RING.over(0.0, 1.0).cut(0, 0.0, 1.0), "cut along its time alone"),
        (lambda: RING.over(0.0, 1.0).part("middle"), "has no part 'middle', allowed: outer, inner"),
    ],
)
def test_what_is_no_geometry_is_named(make: object, complaint: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=complaint):
        make()


def test_nan_lies_nowhere() -> None:
    nowhere = np.array([[np.nan, 0.0], [0.0, np.nan]])
    regions: list[Region] = [SQUARE, RING, L_SHAPE, RING.boundary, PLATE]
    for region in regions:
        assert not region.holds(nowhere).any()
        assert not region.holds(nowhere, 0.1).any()
    assert not Over(RING, 0.0, 1.0).holds(np.array([[1.5, 0.0, np.nan]])).any()
    assert isinstance(RING.boundary, BoundaryPart)
