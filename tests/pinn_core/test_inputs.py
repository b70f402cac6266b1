"""What networks are given of the coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from pinn_core.engine.features import Features, scaled
from pinn_core.engine.operators import Derivatives
from pinn_core.engine.propagation import propagate
from pinn_core.inputs import INPUTS, Fourier, Periodic, Raw, Scaled
from pinn_core.problems import Condition, Heat, Segment
from pinn_core.problems.conditions import Box, Conditions
from tests.pinn_core.test_composed import MIXED, SCALES, WAVES, example, stack_of

D = Derivatives("x", "y")


@dataclass(frozen=True, kw_only=True)
class Ring(Heat):
    """A wide box on which the second coordinate is periodic."""

    @property
    def domain(self) -> Box:
        return Box((-1.0, 0.0, 0.0), (3.0, 1.0, 5.0))

    @property
    def conditions(self) -> Conditions:
        side = self.domain.face(1, 0.0)
        return {"periodic": Condition((Segment((side,)),), shift=(0.0, 2.0, 0.0))}


def test_affine_features_are_a_change_of_coordinates() -> None:
    assert SCALES.affine and not WAVES.affine
    _, parameters, x = example(stack_of({}, 6, 2))
    expected = propagate(stack_of({}, 6, 2), parameters, SCALES.values(x), (D.xy, D.x, D.yyy))
    found = propagate(stack_of({"features": SCALES}, 6, 2), parameters, x, (D.xy, D.x, D.yyy))
    factors = torch.tensor([1.0, 2.0 * 0.5, 2.0, 0.5**3]).view(1, 4, 1, 1)
    assert torch.allclose(found, factors * expected, rtol=1e-12)
    points, operators = scaled(x, MIXED, SCALES)
    assert torch.equal(points, x * torch.tensor([2.0, 0.5]) + torch.tensor([-1.0, 0.25]))
    assert operators[0].second == {(0, 0): 4.0, (1, 1): 0.25} and operators[0].zeroth == 2.0
    with pytest.raises(ValueError, match="only affine features"):
        scaled(x, MIXED, WAVES)


@pytest.mark.parametrize(
    "features",
    [
        Features(((1.0, 1.0), (0.0, 1.0)), (0.0, 0.0)),
        Features(((1.0, 0.0), (0.0, 0.0)), (0.0, 0.0)),
        Features(((1.0, 0.0),), (0.0,)),
        Features(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0), ("identity", "cos")),
    ],
)
def test_what_mixes_or_loses_coordinates_is_not_affine(features: Features) -> None:
    assert not features.affine


def test_features_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="found 1, 2 and 2"):
        Features(((1.0,),), (0.0, 0.0))


@pytest.mark.parametrize(
    ("to", "low", "high"),
    [("standard", -math.sqrt(3), math.sqrt(3)), ("symmetric", -1, 1), ("unit", 0, 1)],
)
def test_scaled_coordinates_span_what_they_should(to: str, low: float, high: float) -> None:
    features = Scaled(to=to).features(Ring())
    box = Ring().domain
    corners = features.values(torch.tensor([box.low, box.high], dtype=torch.float64))
    assert features.affine
    assert np.allclose(corners, [[low] * 3, [high] * 3])


def test_raw_coordinates_are_no_features() -> None:
    assert Raw().features(Heat()) is None


def test_fourier_features_are_the_same_for_all_and_as_wide_as_told() -> None:
    features = Fourier(count=4000, scale=3.0).features(Heat())
    assert features == Fourier(count=4000, scale=3.0).features(Heat())
    table = np.array(features.directions)
    assert np.array_equal(table[:2000], table[2000:])
    assert abs(table.std() - 3.0) < 0.1 and abs(table.mean()) < 0.1
    x = torch.rand(5, 3, dtype=torch.float64)
    cosines, sines = features.values(x).chunk(2, dim=1)
    assert torch.allclose(cosines.square() + sines.square(), torch.ones(5, 2000).double())
    with pytest.raises(ValueError, match="count must be even, found 3"):
        Fourier(count=3)


def test_periodic_features_repeat_along_the_periodic_coordinate_alone() -> None:
    features = Periodic(frequencies=2).features(Ring())
    x = torch.rand(7, 3, dtype=torch.float64)
    assert features.count == 6
    shifted = features.values(x + torch.tensor([0.0, 2.0, 0.0]))
    assert torch.allclose(features.values(x), shifted, atol=1e-12)
    half = features.values(x + torch.tensor([0.0, 1.0, 0.0]))
    assert not torch.allclose(features.values(x), half, atol=0.1)
    assert torch.equal(features.values(x)[:, [0, -1]], x[:, [0, 2]])
    with pytest.raises(ValueError, match="heat has no periodic condition"):
        Periodic().features(Heat())


def test_all_kinds_are_known() -> None:
    assert INPUTS.names() == ("fourier", "periodic", "raw", "scaled")
