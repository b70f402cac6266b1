"""Sharpness and dominant eigenspaces, against the eigenvalues of the dense Hessian."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Member, Mlp, Pinn, train
from pinn_core.optimizers import LBFGS, GradientDescent
from pinn_core.probes.sharpness import DOMINANT, Sharpness
from pinn_core.problems import Helmholtz
from tests.pinn_core import probed

SMALL: dict[str, Any] = {
    "network": Mlp(width=5, depth=1, activation="tanh"),
    "problem": Helmholtz(points_per_axis=6),
}


def loss(run: probed.Probed, theta: Tensor) -> Tensor:
    """What is optimised, by nested differentiation."""
    disc = run.disc
    inside = probed.mismatches(disc, "residual", theta, disc.interior)
    edge = disc.condition_points["boundary"]
    outside = probed.mismatches(disc, "boundary", theta, edge).square() * edge["share"][0]
    return inside.square().mean() + 10.0 * outside.mean()


def spectrum(run: probed.Probed, step: int) -> tuple[Any, Any, Any]:
    """Gradient, Hessian's eigenvalues, falling, and eigenvectors as columns."""
    theta = run.theta(step)
    gradient = torch.autograd.functional.jacobian(lambda own: loss(run, own), theta)
    hessian = torch.autograd.functional.hessian(lambda own: loss(run, own), theta)
    values, vectors = np.linalg.eigh(hessian.numpy())
    return gradient.numpy(), values[::-1], vectors[:, ::-1]


@pytest.mark.parametrize("optimizer", ["adam", "gradient_descent"])
def test_it_is_the_largest_eigenvalue_in_parts_of_its_bound(optimizer: str) -> None:
    kinds: dict[str, Any] = {
        "adam": Adam(steps=3, learning_rate=1e-3, decay=0.5, decay_steps=2),
        "gradient_descent": GradientDescent(steps=3, learning_rate=1e-4, decay=0.5, decay_steps=2),
    }
    phase = kinds[optimizer]
    run = probed.run(Sharpness(products=42), phases=(phase,), **SMALL)
    for step in range(3):
        _, values, _ = spectrum(run, step)
        largest = run.cell("sharpness/largest", step)
        assert largest == pytest.approx(values[0], rel=1e-8)
        rate = phase.learning_rate * 0.5 ** (step / 2)
        ratio = run.cell("sharpness/against_bound", step)
        assert ratio == pytest.approx(values[0] * rate / 2, rel=1e-8)
        if optimizer == "gradient_descent":
            assert run.cell("sharpness/preconditioned", step) is None
    assert run.cell("sharpness/largest", 3) is None, "no update leaves the last row"


def test_of_adam_it_is_that_of_the_preconditioned_hessian() -> None:
    phase = Adam(steps=3, learning_rate=1e-3)
    run = probed.run(Sharpness(products=42), phases=(phase,), **SMALL)
    second = 0.0
    for step in range(3):
        gradient, values, vectors = spectrum(run, step)
        second = 0.999 * second + 0.001 * gradient**2
        root = np.sqrt(second / (1 - 0.999 ** (step + 1))) + phase.epsilon
        diagonal = (1 - 0.9 ** (step + 1)) * root
        hessian = vectors @ np.diag(values) @ vectors.T
        expected = np.linalg.eigvals(hessian / diagonal[:, None]).real.max()
        found = run.cell("sharpness/preconditioned", step)
        assert found == pytest.approx(expected, rel=1e-6)
        ratio = run.cell("sharpness/preconditioned_against_bound", step)
        assert ratio == pytest.approx(expected * 1e-3 / 38, rel=1e-6)


def test_shares_are_those_of_the_leading_eigenvectors() -> None:
    run = probed.run(Sharpness(products=42), **SMALL)
    for step in range(3):
        gradient, _, vectors = spectrum(run, step)
        update = (run.theta(step + 1) - run.theta(step)).numpy()
        for name, vector in (("gradient", gradient), ("update", update)):
            parts = (vectors.T @ vector) ** 2
            for k in DOMINANT:
                expected = parts[:k].sum() / parts.sum()
                found = run.cell(f"sharpness/{name}_share_{k}", step)
                assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)
        inside = -(gradient @ vectors[:, :10]) @ (vectors[:, :10].T @ update)
        assert run.cell("sharpness/dominant_decrease", step) == pytest.approx(inside, rel=1e-5)
        whole = -gradient @ update
        bulk = run.cell("sharpness/bulk_decrease", step)
        assert bulk == pytest.approx(whole - inside, rel=1e-4, abs=1e-7 * abs(whole))


def test_adams_bound_is_where_a_quadratic_stops_to_converge() -> None:
    rate, curvature = 0.01, 38 / 0.01
    for factor, converges in ((0.99, True), (1.01, False)):
        theta, average = 1.0, 0.0
        for _ in range(3000):
            average = 0.9 * average + 0.1 * factor * curvature * theta
            theta -= rate * average
        assert (abs(theta) < 1) is converges


def test_without_a_rate_the_ratios_are_empty() -> None:
    run = probed.run(Sharpness(products=12), phases=(LBFGS(steps=2),), **SMALL)
    assert run.cell("sharpness/largest") > 0
    assert run.cell("sharpness/against_bound") is None
    assert run.cell("sharpness/preconditioned") is None
    assert 0 <= run.cell("sharpness/update_share_10") <= 1


def test_points_that_differ_from_step_to_step_are_refused() -> None:
    with pytest.raises(ValueError, match="probe sharpness needs the same points in every step"):
        probed.run(Sharpness(), objective=Pinn(batch=20))
    drawn = Pinn(points="latin", batch=20, resample=0)
    probed.run(Sharpness(products=10), objective=drawn, phases=(Adam(steps=1),), **SMALL)


def test_it_has_its_bits_in_float32_whoever_is_in_the_pack() -> None:
    run = probed.run(Sharpness(products=10), precision="float32", **SMALL)
    one = run.configuration
    wild = replace(one, phases=(Adam(steps=3, learning_rate=1e36),))
    packed = train([Member(wild, 3), Member(one, 0)])[1]
    for name in packed.table.column_names:
        if name.startswith("sharpness/"):
            assert packed.table[name].equals(run.table[name]), name
