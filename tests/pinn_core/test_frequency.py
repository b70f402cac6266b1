"""The error by spatial frequency, against errors that are made of known waves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import Member, train
from pinn_core.probes.frequency import Frequency, _lattice_of
from pinn_core.problems import Convection, Heat, Helmholtz, Problem
from tests.pinn_core.packs import configuration

RNG = np.random.default_rng(0)


def parts(problem: Problem, errors: Any, axis: str) -> dict[str, float]:
    """The bands along an axis of errors, a function of the lattice's coordinates."""
    lattice = _lattice_of(problem)
    values = [np.linspace(0, 1, count) for count in lattice.shape]
    table = np.broadcast_to(errors(*np.meshgrid(*values, indexing="ij")), lattice.shape)
    along = next(one for one in lattice.axes if one.name == axis)
    found = along.parts(torch.from_numpy(table.copy())[None, ..., None])
    return {band: float(part) * along.size for band, part in found.items()}


@pytest.mark.parametrize(
    ("q", "band"), [(0, "0"), (1, "1"), (2, "2-3"), (3, "2-3"), (4, "4-7"), (13, "8-15")]
)
def test_a_cosine_is_in_its_band_alone(q: int, band: str) -> None:
    found = parts(Helmholtz(points_per_axis=20), lambda _x, y: np.cos(np.pi * q * y), "y")
    assert max(found, key=lambda name: found[name]) == band
    others = [part for name, part in found.items() if name != band]
    assert max(others) < 1e-12 * found[band]
    along_x = parts(Helmholtz(points_per_axis=20), lambda _x, y: np.cos(np.pi * q * y), "x")
    assert sum(part > 1e-12 for part in along_x.values()) == 1, "constant along x"


@pytest.mark.parametrize(("k", "band"), [(0, "0"), (1, "2-3"), (3, "4-7"), (5, "8-15")])
def test_waves_of_a_periodic_axis_are_whole(k: int, band: str) -> None:
    problem = Convection(points_x=16, points_t=5)
    x = 2 * np.pi * np.arange(16)[:, None] / 16
    found = parts(problem, lambda _x, _t: np.cos(k * x) + 0.5 * np.sin(k * x), "x")
    assert [name for name, part in found.items() if part > 1e-12] == [band]
    assert "1" not in found


@pytest.mark.parametrize("problem", [Heat(points_per_axis=6), Convection(points_x=9, points_t=4)])
def test_the_bands_add_up_to_the_error(problem: Problem) -> None:
    shape = _lattice_of(problem).shape
    errors = RNG.normal(size=shape)
    for place, axis in enumerate(_lattice_of(problem).axes):
        weights = np.ones(shape[place])
        if isinstance(problem, Heat):
            weights[[0, -1]] = 0.5
        expected = (np.moveaxis(errors, place, -1) ** 2 * weights).sum()
        found = parts(problem, lambda *_: errors, axis.name)
        assert sum(part**2 for part in found.values()) == pytest.approx(expected, rel=1e-12)


def test_a_run_records_it_and_trains_the_same_bits() -> None:
    plain = replace(configuration(steps=6), problem=Convection(points_x=16, points_t=6))
    probed = replace(plain, record=replace(plain.record, probes=(Frequency(every=3),)))
    (without,), (found,) = (train([Member(one, 0)]) for one in (plain, probed))
    for name in without.table.column_names:
        if not name.startswith("time/"):
            assert found.table[name].equals(without.table[name]), name
    bands = [name for name in found.table.column_names if name.startswith("frequency/")]
    assert {name.split("/")[1] for name in bands} == {"x"}, "not along time"
    rows = found.table.select(bands).to_pylist()
    assert [step for step, row in enumerate(rows) if row[bands[0]] is not None] == [0, 3, 6]
    total = sum(part**2 for part in rows[0].values()) ** 0.5
    assert total == pytest.approx(found.table["full/error/relative_l2"][0].as_py(), rel=1e-5)


@dataclass(frozen=True, kw_only=True)
class Unknown(Heat):
    def grid(self) -> Any:
        grid = super().grid()
        return replace(grid, interior=replace(grid.interior, exact=grid.interior.exact * np.nan))


@dataclass(frozen=True, kw_only=True)
class Holed(Heat):
    def grid(self) -> Any:
        grid, inside = super().grid(), super().grid().interior
        kept = replace(inside, **{name: table[1:] for name, table in vars(inside).items()})
        return replace(grid, interior=kept)


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Unknown(points_per_axis=5), "a solution that is known on the whole grid, found none"),
        (Holed(points_per_axis=5), "a full lattice, found 124 points on one of 5 x 5 x 5"),
    ],
)
def test_what_it_cannot_serve_is_refused(problem: Problem, message: str) -> None:
    with pytest.raises(ValueError, match=f"problem heat: probe frequency needs .*{message}"):
        Frequency().check(problem)
