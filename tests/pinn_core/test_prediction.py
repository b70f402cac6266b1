"""A trained network as a function: the numbers of the training, and clear refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pinn_core import Adam, Configuration, Heat, Marching, Member, Mlp, Pinn, Record, train
from pinn_core.engine.operators import Derivatives
from pinn_core.inputs import Fourier
from pinn_core.networks import ResidualMlp
from pinn_core.optimizers import LBFGS
from pinn_core.prediction import Solution
from pinn_core.problems import (
    Burgers,
    Convection,
    HeatDisc,
    Helmholtz,
    KleinGordon,
    PoissonAnnulus,
    PoissonCube,
    PoissonDisc,
    PoissonLShape,
)

STEPS = 6
PARTS: dict[str, dict[str, Any]] = {
    "nonlinear": {"problem": KleinGordon(points_per_axis=7)},
    "form": {"problem": Helmholtz(points_per_axis=7), "constraints": "hard"},
    "features": {"problem": Helmholtz(points_per_axis=7), "inputs": Fourier(count=6)},
    "factors": {"network": Mlp(width=6, depth=2, parametrization="factorised")},
    "module": {"network": ResidualMlp(width=6)},
    "clipped": {"problem": PoissonAnnulus(points_per_axis=9, outer="robin")},
    "scattered": {"problem": PoissonCube(points_inside=50, points_outside=40)},
    "disc, form": {"problem": PoissonDisc(points_per_axis=9), "constraints": "hard"},
    "double": {"precision": "float64", "phases": (Adam(steps=3), LBFGS(steps=3))},
}


def trained(**parts: Any) -> tuple[Solution, Any]:
    configuration = Configuration(
        **{
            "problem": Heat(points_per_axis=7),
            "network": Mlp(width=6, depth=2, activation="tanh"),
            "objective": Pinn(),
            "phases": (Adam(steps=STEPS),),
            "record": Record(full_every=STEPS),
            **parts,
        }
    )
    (trajectory,) = train([Member(configuration, 3)])
    (parameters,) = trajectory.parameters.values()
    return Solution(configuration, parameters), trajectory.table.to_pandas().iloc[-1]


@pytest.mark.parametrize("name", PARTS)
def test_the_errors_are_those_that_were_recorded(name: str) -> None:
    solution, last = trained(**PARTS[name])
    grid = solution.problem.grid()
    everywhere = (grid.interior, grid.supervised)
    points = np.concatenate([part.coordinates for part in everywhere])
    exact = np.concatenate([part.exact for part in everywhere])
    values = solution.predict(points, batch=50).astype(float)
    residual = solution.predict(grid.interior.coordinates, "residual").astype(float)
    error = np.sqrt(((values - exact) ** 2).sum() / (exact**2).sum())
    assert error == pytest.approx(last["full/error/relative_l2"], rel=1e-6)
    mean = (residual**2).sum(axis=1).mean()
    assert mean == pytest.approx(last["full/loss/residual"], rel=1e-5)


def test_derivatives_are_those_of_the_values() -> None:
    solution, _ = trained(problem=Burgers(), precision="float64")
    points = np.array([[0.1, 0.5], [-0.4, 0.2]])
    step = np.array([0.0, 1e-5])
    difference = (solution.predict(points + step) - solution.predict(points - step)) / 2e-5
    assert solution.predict(points, "t") == pytest.approx(difference, rel=1e-6)
    D = Derivatives("x", "t")
    operator = D.xx - 2.0 * D.t + 3.0 * D.identity
    parts = [solution.predict(points, what) for what in ("xx", "t", "value")]
    assert solution.predict(points, operator) == pytest.approx(
        parts[0] - 2.0 * parts[1] + 3.0 * parts[2], rel=1e-9
    )


def test_points_outside_a_shape_are_refused() -> None:
    solution, _ = trained(problem=PoissonLShape(points_per_axis=9))
    assert solution.predict([[-0.5, 0.5], [0.0, 0.0], [1.0, -1.0]]).shape == (3, 1)
    assert solution.predict(np.zeros((0, 2))).shape == (0, 1)
    with pytest.raises(
        ValueError, match=r"1 of 2 lie outside .* \(0\.5, 0\.5\); .*, inside Polygon\("
    ):
        solution.predict([[-0.5, 0.5], [0.5, 0.5]])
    cylinder, _ = trained(problem=HeatDisc(points_per_axis=7))
    assert cylinder.predict([[0.0, -1.0, 1.0]]).shape == (1, 1)
    with pytest.raises(ValueError, match="outside the domain"):
        cylinder.predict([[0.8, 0.8, 0.5]])


def test_an_equation_without_unknowns_has_none() -> None:
    assert trained()[0].unknowns == {}


def test_no_points_give_no_values() -> None:
    solution, _ = trained()
    assert solution.predict(np.zeros((0, 3))).shape == (0, 1)


def test_of_a_march_the_last_window_is_kept() -> None:
    solution, _ = trained(
        problem=Convection(points_x=8, points_t=6),
        stages=Marching(windows=2),
        phases=(Adam(steps=3),),
    )
    end = solution.configuration.problem.domain.high[1]
    assert solution.predict([[1.0, end]]).shape == (1, 1)
    with pytest.raises(ValueError, match=r"allowed: .*, 0\.5 <= t <= 1, the last of 2 stages"):
        solution.predict([[1.0, 0.1]])


@pytest.mark.parametrize(
    ("points", "what", "message"),
    [
        (
            [[0.5, 0.5, 1.2]],
            "value",
            r"1 of 1 lie outside the domain, .* \(0\.5, 0\.5, 1\.2\);",
        ),
        (
            [[0.5, float("nan"), 0.2]],
            "value",
            r"outside the domain, .* point 0, \(0\.5, nan",
        ),
        (
            [[0.5, 0.5]],
            "value",
            r"of the shape \[1, 2\], allowed: \[n, 3\], the coor",
        ),
        ("here", "value", "points: not an array of numbers"),
        (
            [[0.5, 0.5, 0.2]],
            "u",
            "no derivative 'u': .* x, y, t are allowed; or 'value'",
        ),
    ],
)
def test_what_cannot_be_predicted_is_refused(points: Any, what: str, message: str) -> None:
    solution, _ = trained()
    with pytest.raises(ValueError, match=message):
        solution.predict(points, what)
    with pytest.raises(ValueError, match="batch must be >= 1, found 0"):
        solution.predict([[0.5, 0.5, 0.2]], batch=0)


def test_parameters_of_another_network_are_refused() -> None:
    solution, _ = trained()
    wider = replace(solution.configuration, network=Mlp(width=7, depth=2))
    size = wider.stack().size
    with pytest.raises(ValueError, match=rf"another network: .* allowed: \[{size}\], for"):
        Solution(wider, solution.parameters)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_predicts_the_same() -> None:
    solution, _ = trained()
    points = solution.problem.grid().interior.coordinates
    for what in ("value", "residual"):
        on_gpu = replace(solution, device="cuda").predict(points, what)
        assert on_gpu == pytest.approx(solution.predict(points, what), rel=1e-4, abs=1e-5)
