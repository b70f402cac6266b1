"""Gradients of single points, made together, against dense Jacobians and points one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.stack import padded
from pinn_core.inputs import Fourier, Periodic, Scaled
from pinn_core.networks import Mlp, ModifiedMlp, ResidualMlp
from pinn_core.objectives import point_gradients
from pinn_core.objectives.point_gradients import term_at, values_at
from pinn_core.objectives.tangent_kernel import jacobian
from pinn_core.objectives.terms import problem_terms
from pinn_core.problems import Burgers, Convection, Heat
from tests.pinn_core import probed
from tests.pinn_core.small import problem_of

NETWORKS = {
    "mlp": Mlp(width=5, depth=2, activation="tanh"),
    "one layer": Mlp(width=5, depth=1, activation="sin"),
    "gated": ModifiedMlp(width=5, depth=2),
    "gated as in the paper": ModifiedMlp(width=5, depth=3, variant="paper"),
    "factorised": Mlp(width=5, depth=2, activation="tanh", parametrization="factorised"),
    "ntk": Mlp(width=5, depth=2, activation="tanh", parametrization="ntk"),
    "module": ResidualMlp(width=5, blocks=1),
}
CASES = [
    *[("burgers", name, "soft") for name in NETWORKS],
    ("heat", "mlp", "hard"),
    ("convection", "mlp", "soft"),
    ("cavity", "mlp", "soft"),
    ("cavity_stream", "gated", "soft"),
    ("helmholtz", "factorised", "soft"),
    ("burgers_inverse", "mlp", "soft"),
    ("poisson_annulus", "mlp", "soft"),
]


def parameters_of(disc: Discretization, network: Any, members: int = 1) -> Tensor:
    rows = torch.stack([disc.initial(network, seed) + 0.1 for seed in range(members)])
    return torch.nn.functional.pad(rows, (0, padded(disc.size) - disc.size))


@pytest.mark.parametrize(("kind", "name", "constraints"), CASES)
def test_they_are_those_of_points_that_go_alone(kind: str, name: str, constraints: Any) -> None:
    network = NETWORKS[name]
    disc = Discretization(problem_of(kind), network, "float64", constraints=constraints)
    theta = parameters_of(disc, network)
    for term in problem_terms(disc):
        points = term.recorded_points(disc, 6).thinned(6, "test")
        expected = jacobian(disc, theta, term, points, 0)[:, : disc.size]
        at = term_at(disc, theta, term, points)
        for place in range(at.quantities.shape[2]):
            seed = torch.zeros_like(at.quantities)
            seed[..., place] = 1.0
            gradients = at.gradients(seed)
            own = expected[place * len(points) :][: len(points)]
            scale = float(own.abs().max())
            rows = gradients.rows()[0, :, : disc.size]
            assert torch.allclose(rows, own, rtol=1e-9, atol=1e-12 * scale)
            assert torch.allclose(gradients.squares()[0], own.square().sum(1), rtol=1e-9)
            pair = torch.tensor([0, 1]), torch.tensor([len(points) - 1, 0])
            products = (own[pair[0]] * own[pair[1]]).sum(1)
            found = gradients.products(*pair)[0]
            assert torch.allclose(found, products, rtol=1e-9, atol=1e-12 * scale**2)


@pytest.mark.parametrize("problem", [Heat(points_per_axis=5), Burgers(points_x=6, points_t=5)])
def test_they_are_the_rows_of_a_dense_jacobian(problem: Any) -> None:
    disc = Discretization(problem, NETWORKS["mlp"], "float64")
    theta = parameters_of(disc, NETWORKS["mlp"])
    term = problem_terms(disc)[0]
    points = term.recorded_points(disc, 6).thinned(6, "test")
    dense = probed.jacobian(disc, "residual", theta[0, : disc.size], points)
    at = term_at(disc, theta, term, points)
    rows = at.gradients(torch.ones_like(at.quantities)).rows()[0]
    assert torch.allclose(rows, dense.sum(1), rtol=1e-9, atol=1e-11)
    mixed = torch.randn(at.quantities.shape, generator=torch.Generator().manual_seed(0)).double()
    rows = at.gradients(mixed).rows()[0]
    expected = torch.einsum("nq,nqp->np", mixed[0], dense)
    assert torch.allclose(rows, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("inputs", [Periodic(), Fourier(count=4), Scaled()])
def test_features_of_the_coordinates_are_the_first_layers_input(inputs: Any) -> None:
    network = NETWORKS["mlp"]
    disc = Discretization(
        Convection(points_x=6, points_t=5), network, "float64", inputs=inputs, backend="eager"
    )
    theta = parameters_of(disc, network)
    term = problem_terms(disc)[0]
    points = term.recorded_points(disc, 6)
    at = term_at(disc, theta, term, points)
    rows = at.gradients(torch.ones_like(at.quantities)).rows()[0]
    expected = jacobian(disc, theta, term, points, 0)[:, : disc.size]
    assert torch.allclose(rows, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["mlp", "module"])
def test_those_of_the_solution_add_up_to_its_gradient(name: str) -> None:
    network = NETWORKS[name]
    disc = Discretization(Burgers(points_x=6, points_t=5), network, "float64")
    theta = parameters_of(disc, network, members=2)
    at = values_at(disc, theta, disc.interior)
    way = disc.linearize(theta, disc.interior.coordinates)
    assert torch.allclose(at.quantities, way.channels[:, 0], rtol=1e-12)
    rows = at.gradients(torch.ones_like(at.quantities)).rows()
    expected = way.reverse(torch.ones_like(way.channels))[:, : disc.size]
    assert torch.allclose(rows.sum(1)[:, : disc.size], expected, rtol=1e-9, atol=1e-11)


def test_few_at_once_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = NETWORKS["module"]
    disc = Discretization(Burgers(points_x=6, points_t=5), network, "float64")
    theta = parameters_of(disc, network)
    term = problem_terms(disc)[0]

    def rows() -> Tensor:
        at = term_at(disc, theta, term, disc.interior)
        return at.gradients(at.quantities).rows()

    together = rows()
    monkeypatch.setattr(point_gradients, "AT_ONCE", 3 * theta.shape[1])
    assert torch.allclose(rows(), together, rtol=1e-12, atol=1e-15)
