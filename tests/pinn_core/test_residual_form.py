"""Residuals traced as polynomials are the problem's, and so are their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core.engine.backends.native_polynomials import form_of
from pinn_core.problems import PROBLEMS, Burgers, Problem
from pinn_core.problems.residual_form import traced
from tests.pinn_core.backends import needs_native

POINTS = 23


def example(problem: Problem) -> tuple[Tensor, Tensor]:
    """Channels (2, c, n, k) and points (1, n, d), in float64."""
    rng = torch.Generator().manual_seed(0)
    points = torch.rand(1, POINTS, len(problem.coordinates), generator=rng, dtype=torch.float64)
    count = 1 + len(problem.operators) + len(problem.unknowns)
    shape = (2, count, POINTS, problem.outputs)
    return torch.randn(*shape, generator=rng, dtype=torch.float64), points


@needs_native
@pytest.mark.parametrize("kind", list(PROBLEMS))
def test_every_shipped_residual_is_traced(kind: str) -> None:
    problem = PROBLEMS[kind]()
    channels, points = example(problem)
    form = traced(problem, points)
    assert form is not None
    native = form_of(form.polynomials)
    leaf = channels.clone().requires_grad_()
    expected = problem.residual(leaf, points)
    values = native.values(channels, form.coefficients)
    torch.testing.assert_close(values, expected.detach(), rtol=1e-12, atol=1e-12)
    slopes = torch.linspace(-1, 2, values.numel(), dtype=torch.float64).view_as(values)
    (gradient,) = torch.autograd.grad(expected, leaf, slopes)
    adjoint = native.adjoint(channels, form.coefficients, slopes)
    torch.testing.assert_close(adjoint, gradient, rtol=1e-12, atol=1e-12)


@dataclass(frozen=True, kw_only=True)
class Changed(Burgers):
    """Burgers' equation with a residual that a test gives."""

    changed: Any = None

    def residual(self, channels: Tensor, points: Tensor) -> Tensor:
        """What the test asks for."""
        found: Tensor = self.changed(channels, points)
        return found


@needs_native
@pytest.mark.parametrize(
    "residual",
    [
        lambda u, x: torch.sin(x[..., :1]) * u[:, 0] - x[..., 1:] * u[:, 1] / 2,
        lambda u, x: x[..., :1] - u[:, 0] ** 3 + 1.0,
        lambda u, x: torch.stack([u[:, 0, :, 0], 2 - u[:, -1, :, 0] * x[..., 0]], dim=-1),
        lambda u, _: -u[:, 2].square(),
    ],
    ids=["functions of the points", "a constant", "stacked", "a square"],
)
def test_residuals_of_others_are_traced(residual: Any) -> None:
    problem = Changed(changed=residual)
    channels, points = example(problem)
    form = traced(problem, points)
    assert form is not None
    values = form_of(form.polynomials).values(channels, form.coefficients)
    torch.testing.assert_close(values, residual(channels, points), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "residual",
    [
        lambda u, _: torch.exp(u[:, 0]),
        lambda u, _: u[:, 0] / u[:, 1],
        lambda u, _: u[:, 0] ** 0.5,
        lambda u, _: u[:1, 0],
        lambda u, _: u[:, 0, ::2],
        lambda u, _: u[:, 0].mean(0),
        lambda _, x: x[..., :1],
    ],
    ids=["exp", "quotient", "root", "one member", "some points", "over members", "no channel"],
)
def test_what_is_no_polynomial_is_not_traced(residual: Any) -> None:
    problem = Changed(changed=residual)
    assert traced(problem, example(problem)[1]) is None
