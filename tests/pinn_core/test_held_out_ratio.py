"""The residual on and off the training points, against predictions of the trained network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pinn_core import Pinn, Regression
from pinn_core.prediction import Solution
from pinn_core.probes.held_out_ratio import HeldOutRatio
from pinn_core.probes.points import points_between
from pinn_core.problems import Burgers, Cavity, Heat
from tests.pinn_core import probed


@pytest.mark.parametrize(
    "problem", [Heat(points_per_axis=6), Cavity(points_per_axis=7)], ids=["heat", "cavity"]
)
def test_the_columns_are_those_of_predicted_residuals(problem: Any) -> None:
    run = probed.run(HeldOutRatio(density=3), problem=problem)
    inside = problem.grid().interior.coordinates
    sets = {"on": inside, "off": points_between(problem, 3 * len(inside))}
    for step in (1, 3):
        solution = Solution(run.configuration, run.parameters[step])
        roots = {}
        for name, points in sets.items():
            sizes = np.linalg.norm(solution.predict(points, "residual"), axis=1)
            roots[name] = np.sqrt(np.mean(sizes**2))
            expected = {
                name: roots[name],
                f"{name}_max": sizes.max(),
                f"{name}_p99": np.quantile(sizes, 0.99, method="inverted_cdf"),
            }
            if name == "off":
                expected |= {
                    "skewness": stats.skew(sizes),
                    "kurtosis": stats.kurtosis(sizes, fisher=False),
                    "ratio": roots["off"] / roots["on"],
                }
            for column, number in expected.items():
                found = run.cell(f"held_out_ratio/{column}", step)
                assert found == pytest.approx(float(number), rel=1e-6), column


def test_of_a_batch_it_is_the_batchs_residual() -> None:
    run = probed.run(HeldOutRatio(), objective=Pinn(batch=12, lambda_b=0.0), precision="float32")
    for step in range(4):
        loss = run.cell("loss/batch", step)
        assert run.cell("held_out_ratio/on", step) ** 2 == pytest.approx(loss, rel=1e-5)


def test_losses_without_a_residual_are_refused() -> None:
    with pytest.raises(ValueError, match="probe held_out_ratio needs a loss of the equation's"):
        probed.run(HeldOutRatio(), objective=Regression())


@dataclass(frozen=True, kw_only=True)
class Half(Burgers):
    """A grid that stops before the domain does."""

    def grid(self) -> Any:
        grid = super().grid()
        early = grid.interior.coordinates[:, 1] < 0.5
        kept = {name: table[early] for name, table in vars(grid.interior).items()}
        return replace(grid, interior=replace(grid.interior, **kept))


def test_grids_that_do_not_fill_the_domain_are_refused() -> None:
    with pytest.raises(ValueError, match="probe held_out_ratio needs a grid that fills the domain"):
        HeldOutRatio().check(Half(points_x=8, points_t=6))
