from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Mlp, Pinn
from pinn_core.discretization.discretization import COEFFICIENTS, Discretization
from pinn_core.discretization.sampling import Fresh
from pinn_core.engine.backends.native_polynomials import form_of
from pinn_core.problems import (
    Convection,
    HeatDisc,
    Helmholtz,
    KleinGordon,
    PoissonAnnulus,
    PoissonCube,
    PoissonDisc,
    PoissonLShape,
    Wave,
)
from tests.pinn_core.backends import needs_native

NETWORK = Mlp(width=4, depth=1)
SEEDS = (3, 8)


def on(problem: Any = None) -> Discretization:
    return Discretization(problem or Helmholtz(points_per_axis=9), NETWORK, "float64")


@pytest.mark.parametrize("scheme", ["uniform", "latin", "sobol"])
def test_new_points_fill_the_domain_and_every_segment(scheme: Any) -> None:
    fresh = Fresh(on(), scheme, SEEDS)
    inside = fresh.interior(400, 0).coordinates
    assert inside.shape == (2, 400, 2)
    assert inside.abs().max() <= 1
    assert inside.mean(1).abs().max() < 0.1
    sides = fresh.condition("boundary", 50, 0).coordinates.view(2, 4, 50, 2)
    held = [(0, -1), (0, 1), (1, -1), (1, 1)]
    for side, (axis, value) in zip(sides.unbind(1), held, strict=True):
        assert (side[..., axis] == value).all()
        assert side[..., 1 - axis].std() > 0.4


@needs_native
def test_new_points_know_the_residuals_coefficients_member_by_member() -> None:
    disc, alone = on(), [Fresh(on(), "uniform", (seed,)) for seed in SEEDS]
    inside = Fresh(disc, "uniform", SEEDS).interior(50, 7)
    channels = torch.randn(2, 3, 50, 1, dtype=torch.float64)
    expected = disc.problem.residual(channels, inside.coordinates)
    assert disc.residual_form
    found = form_of(disc.residual_form.polynomials).values(channels, inside[COEFFICIENTS])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    own = torch.cat([each.interior(50, 7)[COEFFICIENTS] for each in alone])
    assert torch.equal(inside[COEFFICIENTS], own)


@dataclass(frozen=True, kw_only=True)
class Fickle(Helmholtz):
    """An operator that is twice as large wherever there are many points, and a known function."""

    def residual(self, channels: Tensor, points: Tensor) -> Tensor:
        """Of another form at new points than on the grid."""
        return (2.0 if points.shape[1] > 100 else 1.0) * channels[:, 1] - points[..., :1].sin()


def test_a_residual_of_another_form_at_new_points_is_refused() -> None:
    fresh = Fresh(on(Fickle(points_per_axis=9)), "uniform", SEEDS)
    with pytest.raises(ValueError, match="another form at new points than at the grid's"):
        fresh.interior(50, 0)


def test_a_latin_hypercube_has_one_point_in_every_slice() -> None:
    x = Fresh(on(), "latin", SEEDS).interior(100, 4).coordinates
    for axis in (0, 1):
        slices = ((x[..., axis] + 1) / 2 * 100).floor().sort(1).values
        assert torch.equal(slices, torch.arange(100.0, dtype=torch.float64).expand(2, -1))


@pytest.mark.parametrize("scheme", ["uniform", "latin", "sobol"])
def test_points_are_keyed_by_seed_and_step_alone(scheme: Any) -> None:
    both, swapped = Fresh(on(), scheme, SEEDS), Fresh(on(), scheme, SEEDS[::-1])
    for step in (5, 0, 900, 5):
        for name in ("interior", "boundary"):
            drawn = [
                fresh.interior(16, step) if name == "interior" else fresh.condition(name, 16, step)
                for fresh in (both, swapped)
            ]
            assert torch.equal(drawn[0].coordinates, drawn[1].coordinates.flip(0))
    assert not torch.equal(both.interior(16, 5).coordinates, both.interior(16, 6).coordinates)


SHAPED = [PoissonLShape(), PoissonAnnulus(outer="robin"), HeatDisc(), PoissonCube(dimensions=3)]


@pytest.mark.parametrize("scheme", ["uniform", "latin", "sobol"])
@pytest.mark.parametrize("problem", SHAPED, ids=lambda problem: problem.kind)
def test_points_stay_in_a_domain_of_any_shape_and_ignore_their_neighbours(
    problem: Any, scheme: Any
) -> None:
    disc = on(problem)
    both, swapped, alone = (Fresh(disc, scheme, s) for s in (SEEDS, SEEDS[::-1], SEEDS[1:]))
    for step in (3, 0, 500):
        x = both.interior(64, step).coordinates
        assert all(problem.domain.holds(own.numpy()).all() for own in x)
        assert torch.equal(x, swapped.interior(64, step).coordinates.flip(0))
        assert torch.equal(x[1:], alone.interior(64, step).coordinates)
        for name, condition in problem.conditions.items():
            drawn = both.condition(name, 32, step)
            own = drawn.coordinates.view(2, len(condition.segments), 32, -1)
            for place, segment in enumerate(condition.segments):
                assert all(segment.holds(member.numpy()).all() for member in own[:, place])
            for table in drawn.tables:
                assert torch.equal(drawn[table][1:], alone.condition(name, 32, step)[table][-1:])


@pytest.mark.parametrize(("scheme", "least"), [("uniform", 0.5), ("latin", 0.99), ("sobol", 0.999)])
def test_a_hypercube_and_a_sequence_of_a_shape_are_spread_better(scheme: Any, least: float) -> None:
    """Shares of a disc's area left of every point: with a hypercube one in each slice."""
    x = Fresh(on(PoissonDisc()), scheme, SEEDS).interior(64, 7).coordinates[..., 0].clamp(-1, 1)
    share = 0.5 + (x * (1 - x**2).sqrt() + x.asin()) / np.pi
    slices = (share * 64).floor().long()
    hit = [len(own.unique()) / 64 for own in slices]
    assert min(hit) >= least or scheme == "uniform"
    assert scheme != "uniform" or max(hit) < 0.9


def test_a_sobol_sequence_goes_on_from_step_to_step() -> None:
    """The points of 16 steps are together as evenly spread as those of one."""
    fresh = Fresh(on(), "sobol", SEEDS)
    x = torch.cat([fresh.interior(16, step).coordinates for step in range(16)], dim=1)
    cells = ((x + 1) / 2 * 16).floor().long()
    for member in cells:
        assert len((member[:, 0] * 16 + member[:, 1]).unique()) == 256


def test_what_a_condition_demands_comes_with_its_points() -> None:
    problem = KleinGordon(points_per_axis=9)
    point_set = Fresh(on(problem), "uniform", SEEDS).condition("initial", 16, 0)
    assert point_set["target"].shape == (2, 16, 2)
    assert torch.equal(point_set["target"][..., 0], point_set.coordinates[..., 1])
    assert not point_set["target"][..., 1].any()


def batches(objective: Pinn, problem: Any = None) -> Any:
    return objective.batches(on(problem), SEEDS)


def test_points_may_be_kept_for_some_steps_or_for_ever() -> None:
    each = Pinn(points="uniform", batch=8)
    some, kept = (batches(replace(each, resample=every)) for every in (3, 0))
    x = [some.at(step)["interior"].coordinates for step in range(4)]
    assert torch.equal(x[0], x[2]) and not torch.equal(x[2], x[3])
    assert torch.equal(kept.at(0)["boundary"].coordinates, kept.at(999)["boundary"].coordinates)
    assert kept.fixed and not some.fixed


def test_a_batch_of_the_grid_has_its_proportions_and_no_empty_term() -> None:
    batch = batches(Pinn(batch=20), Wave(points_per_axis=9)).at(0)
    sizes = {name: len(point_set) for name, point_set in batch.items()}
    assert sizes["interior"] >= 10 and min(sizes.values()) >= 1
    assert abs(sum(sizes.values()) - 20) <= 1


def test_conditions_have_points_of_their_own_number() -> None:
    batch = batches(Pinn(points="latin", batch=8, condition_batch=3)).at(0)
    assert [len(batch[name]) for name in ("interior", "boundary")] == [8, 12]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"points": "uniform"}, "batch"),
        ({"condition_batch": 3, "batch": 8}, "condition_batch"),
        ({"points": "uniform", "batch": 8, "condition_batch": 0}, "condition_batch"),
        ({"lambdas": {"boundary": -1.0}}, "lambdas.boundary"),
        ({"resample": -1}, "resample"),
    ],
)
def test_impossible_settings_are_named(bad: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Pinn(**bad)


def test_a_period_is_demanded_between_a_point_and_its_partner() -> None:
    disc = on(Convection(points_x=8, points_t=5))
    points = disc.condition_points["periodic"].coordinates
    assert np.array_equal(points[..., 0].numpy(), np.zeros((1, 5)))
