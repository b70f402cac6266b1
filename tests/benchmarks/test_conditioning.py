"""Hessians, planes and curvatures of ``benchmarks.conditioning``."""

import numpy as np
import pytest
import torch

from benchmarks import conditioning
from pinn_core.problems.poisson import Poisson
from pinn_core.training.pack import Pack


def bowl(parameters: torch.Tensor) -> torch.Tensor:
    """Half of 1 x^2 + 4 y^2 + 9 z^2."""
    return (parameters.square() * torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)).sum(1) / 2


def test_the_dense_hessian_of_a_bowl_has_its_curvatures() -> None:
    at = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert conditioning.dense_hessian(bowl, at) == pytest.approx(np.diag([1.0, 4.0, 9.0]))


def test_a_plane_through_a_bowl_is_convex_and_has_the_ratio_of_its_curvatures() -> None:
    at = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    one, other = torch.eye(3, dtype=torch.float64)[[0, 2]]
    grid = conditioning.plane(bowl, at, one, other)
    assert conditioning.principal_ratio(grid) == pytest.approx(9.0)
    assert conditioning.convex_share(grid) == 1.0
    assert conditioning.convex_share(-grid) == 0.0


def test_a_saddle_has_no_convex_point() -> None:
    x = np.linspace(-1, 1, conditioning.ACROSS)
    assert conditioning.convex_share(x[:, None] ** 2 - x**2) == 0.0


def test_a_spectrum_tells_of_negative_eigenvalues_and_of_the_median_positive_one() -> None:
    row = conditioning.spectrum(np.array([-1.0, 1e-3, 1.0, 1e4]))
    assert row["condition"] == pytest.approx(1e4)
    assert row["negative"] == 0.25


@pytest.fixture(scope="module")
def pack() -> Pack:
    return conditioning.trained(Poisson(c=2.0, points_per_axis=20), 1, 3)


def test_a_random_direction_is_as_long_as_the_network_in_each_neuron(
    pack: Pack,
) -> None:
    at = pack.state.parameters[0, : pack.disc.size]
    direction = conditioning.like_neurons(pack, at, torch.Generator().manual_seed(0))
    assert not torch.equal(direction.abs(), at.abs())
    for (fan_out, fan_in), (weights, biases) in zip(
        [(32, 1), (32, 32), (1, 32)], pack.disc.stack.places(), strict=True
    ):
        lengths = [each[weights].view(fan_out, fan_in).norm(dim=1) for each in (direction, at)]
        assert torch.allclose(*lengths)
        assert torch.allclose(direction[biases].abs(), at[biases].abs())


def test_the_loss_over_parameters_is_the_recorded_one(pack: Pack) -> None:
    (trajectory,) = pack.trajectories(pack.steps + 1)
    recorded = trajectory.table.column("loss/total")[pack.steps].as_py()
    at = pack.state.parameters[0, : pack.disc.size]
    assert float(conditioning.losses_of(pack)(at[None])) == pytest.approx(recorded, rel=1e-6)
