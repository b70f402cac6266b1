"""Coefficients that are trained beside the network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Checkpointing, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives.terms import problem_terms
from pinn_core.optimizers import LBFGS
from pinn_core.prediction import Solution
from pinn_core.problems import (
    BurgersInverse,
    ConductivityInverse,
    KineticsInverse,
    Problem,
    Unknown,
)
from pinn_core.problems.unknowns import Unknowns, unused
from pinn_core.training.checkpoint import Folder, every_steps

NETWORK = Mlp(width=6, depth=2)
SMALL: dict[str, Problem] = {
    "burgers": BurgersInverse(points_x=8, points_t=6, start_advection=0.5, rate=3.0),
    "conductivity": ConductivityInverse(points_x=8, points_t=6),
    "kinetics": KineticsInverse(points_x=8, points_t=6),
}


def configuration(problem: Problem, *phases: Any, **fields: Any) -> Configuration:
    return Configuration(
        problem=problem,
        network=NETWORK,
        objective=Pinn(lambda_b=1.0),
        phases=phases or (Adam(steps=12, learning_rate=1e-2),),
        record=Record(points=20, gradients_every=5, gradient_points=10, full_every=4),
        **fields,
    )


def parameters_of(disc: Discretization) -> Tensor:
    """Of two members, their unknowns away from the start."""
    rows = torch.stack([disc.initial(NETWORK, seed) for seed in (0, 1)])
    rows[:, disc.parametrization.size :] = torch.tensor([[0.3], [-0.2]])
    return rows


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("backend", ["native", "eager"])
def test_the_gradient_is_that_of_autograd(name: str, backend: str) -> None:
    disc = Discretization(SMALL[name], NETWORK, "float64", backend=backend)
    parameters = parameters_of(disc).requires_grad_()
    (equation, *_) = problem_terms(disc)
    with torch.no_grad():
        result, _ = equation.loss_and_gradient(disc, parameters, disc.interior)
    loss = equation.differentiable_loss(disc, parameters, disc.interior)
    (gradient,) = torch.autograd.grad(loss.sum(), parameters)
    torch.testing.assert_close(result.loss, loss)
    torch.testing.assert_close(result.gradient[:, : disc.size], gradient)
    assert bool((gradient[:, disc.parametrization.size :] != 0).all())


def test_the_slope_is_that_of_a_finite_difference() -> None:
    disc = Discretization(SMALL["burgers"], NETWORK, "float64")
    parameters = parameters_of(disc)
    (equation, *_) = problem_terms(disc)
    result, _ = equation.loss_and_gradient(disc, parameters, disc.interior)
    for place in range(disc.parametrization.size, disc.size):
        moved = []
        for step in (1e-5, -1e-5):
            other = parameters.clone()
            other[:, place] += step
            moved.append(equation.loss_and_gradient(disc, other, disc.interior)[0].loss)
        torch.testing.assert_close(
            result.gradient[:, place], (moved[0] - moved[1]) / 2e-5, rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("name", SMALL)
def test_the_trajectory_has_unknowns_and_errors(name: str) -> None:
    problem = SMALL[name]
    (trajectory,) = train([Member(configuration(problem), 0)])
    last = trajectory.parameters[12]
    solution = Solution(configuration(problem), last)
    for unknown, stated in problem.unknowns.items():
        values = trajectory.table[f"unknown/{unknown}"].to_numpy()
        errors = trajectory.table[f"error/unknown/{unknown}"].to_numpy()
        assert values[0] == pytest.approx(stated.start, rel=1e-6)
        assert values[-1] == pytest.approx(solution.unknowns[unknown], rel=1e-6)
        assert len(set(values)) == 13
        assert stated.true is not None
        np.testing.assert_allclose(errors, np.abs(values - stated.true) / stated.true)


def test_neighbours_in_a_pack_change_no_bit() -> None:
    one = configuration(SMALL["burgers"])
    faster = replace(one, phases=(Adam(steps=12, learning_rate=3e-2),))
    alone = [train([Member(each, seed)])[0] for seed, each in enumerate((one, faster))]
    together = train([Member(one, 0), Member(faster, 1)])
    assert [each.digest() for each in together] == [each.digest() for each in alone]


@pytest.mark.parametrize(
    "phases",
    [
        (Adam(steps=6, learning_rate=1e-2), LBFGS(steps=4)),
        (Adam(steps=10, learning_rate=1e-2),),
    ],
)
def test_every_phase_trains_them_and_a_resumed_run_is_the_same(
    phases: tuple[Any, ...], tmp_path: Path
) -> None:
    pack = [Member(configuration(SMALL["conductivity"], *phases), 0)]
    (whole,) = train(pack)
    values = whole.table["unknown/conductivity"].to_pylist()
    assert values[-1] != values[-2]
    keep = Checkpointing(Folder(tmp_path), every_steps(4))

    class Stop(Exception):
        pass

    def stop(step: int, _: int) -> None:
        if step == 7:
            raise Stop

    with pytest.raises(Stop):
        train(pack, checkpointing=keep, progress=stop)
    (resumed,) = train(pack, checkpointing=keep)
    assert resumed.digest() == whole.digest()


def test_adam_moves_them_by_their_own_learning_rate() -> None:
    first = {}
    for rate in (1.0, 4.0):
        problem = replace(SMALL["burgers"], rate=rate)
        (run,) = train([Member(configuration(problem), 0)])
        first[rate] = run.table["unknown/advection"].to_numpy()[1] - 0.5
    assert first[4.0] == pytest.approx(4 * first[1.0], rel=1e-4)


@dataclass(frozen=True, kw_only=True)
class Ignoring(ConductivityInverse):
    """An equation that ignores one of its unknowns."""

    @property
    def unknowns(self) -> Unknowns:
        return {**super().unknowns, "ignored": Unknown(1.0)}


def test_an_unknown_that_nothing_depends_on_is_found() -> None:
    assert unused(Ignoring(points_x=6, points_t=5)) == ["ignored"]
    assert unused(SMALL["kinetics"]) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": -1.0, "positive": True}, "start of a positive unknown must be > 0, found -1.0"),
        ({"start": 1.0, "rate": 0.0}, "rate of an unknown must be > 0, found 0.0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Unknown(**fields)
