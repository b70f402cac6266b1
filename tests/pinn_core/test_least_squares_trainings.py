"""Trainings with Levenberg-Marquardt and SPRING: what they reach, their bits, and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pinn_core import Adam, Member, Mlp, Pinn, Regression, train
from pinn_core.aggregations import PCGrad
from pinn_core.alignments import GUA
from pinn_core.optimizers import LevenbergMarquardt, Spring
from pinn_core.optimizers.damped import SYSTEMS
from pinn_core.optimizers.levenberg_marquardt import MOST_PARAMETERS
from pinn_core.problems import Heat, Poisson
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.footprint import member_needs
from pinn_core.training.operations import update_flops
from pinn_core.weightings import SelfAdaptive
from tests.pinn_core.rows import configuration


@pytest.mark.parametrize(
    ("phase", "precision"),
    [
        (LevenbergMarquardt(steps=12), "float32"),
        (LevenbergMarquardt(steps=12, solver="svd"), "float64"),
        (Spring(steps=12, damping=1e-4, momentum=0.5), "float64"),
    ],
    ids=["float32", "svd", "spring"],
)
def test_a_small_pinn_learns_and_every_update_lowers_its_loss(phase: Any, precision: Any) -> None:
    one = configuration(problem=Poisson(points_per_axis=24, c=2.0), phases=(phase,),
                        precision=precision)  # fmt: skip
    (run,) = train([Member(one, 1)])
    losses = np.array(run.table["loss/batch"].to_pylist())
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] < 1e-2 * losses[0]


@pytest.mark.parametrize("kind", [LevenbergMarquardt, Spring])
def test_trainings_are_the_same_alone_packed_and_resumed(kind: Any, tmp_path: Any) -> None:
    one = configuration(phases=(kind(steps=4),), precision="float32")
    other = configuration(phases=(kind(steps=4, damping=0.1),), precision="float32")
    members = [Member(one, 0), Member(other, 0), Member(one, 5)]
    together = train(members)
    assert len({run.digest() for run in together}) == 3
    for member, run in zip(members, together, strict=True):
        assert train([member])[0].digest() == run.digest()
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(2))
    train(members, checkpointing=checkpointing, stop_after=2)
    resumed = train(members, checkpointing=checkpointing)
    assert [run.digest() for run in resumed] == [run.digest() for run in together]


@pytest.mark.parametrize("kind", [LevenbergMarquardt, Spring])
@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"network": Mlp(width=80, depth=2)}, f"found 6801 of .*: up to {MOST_PARAMETERS}"),
        ({"weighting": SelfAdaptive()}, "weighting self_adaptive climbs the loss that the phase"),
        ({"aggregation": PCGrad()}, "makes a direction that is no gradient of a loss"),
        ({"alignment": GUA()}, "metric, which .* does not offer"),
        ({"network": Mlp(width=60, depth=2), "objective": Pinn(batch=20)},
         "batches of 20 residuals, drawn anew in every step, for 3901 parameters"),
        ({"network": Mlp(width=60, depth=2), "objective": Regression(batch=16)},
         "batches of 16 residuals, drawn anew in every step, for 3901 parameters"),
    ],
    ids=["size", "weighting", "aggregation", "alignment", "batch", "regression"],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(kind: Any, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configuration(phases=(kind(),), **parts)


def test_fixed_points_may_be_few_and_fresh_ones_as_many_as_parameters() -> None:
    few = Pinn(points="sobol", batch=20, condition_batch=4, resample=0)
    assert configuration(objective=few).residuals == 20 + 3 * 4
    with pytest.raises(ValueError, match=r"allowed: at least as many as parameters"):
        configuration(objective=replace(few, resample=1))
    configuration(objective=replace(few, batch=70, resample=1))
    configuration(objective=replace(few, resample=1), phases=(Spring(),))


@pytest.mark.parametrize("field", ["damping", "steps", "trials"])
def test_settings_out_of_range_are_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be"):
        LevenbergMarquardt(**{field: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"damping": 0.0}, {"momentum": 1.0}, {"momentum": -0.1}])
def test_springs_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Spring(**wrong)  # type: ignore[arg-type]


def test_memory_and_time_are_said_of_the_jacobian() -> None:
    one = configuration(problem=Heat(points_per_axis=9), network=Mlp(width=32, depth=2))
    assert one.residuals == 9**3 and one.size == 1217
    assert member_needs(one)["jacobian"] == 8 * (4 * 9**3 * 1217 + 3 * 9**6)
    adam = replace(one, phases=(Adam(steps=4),))
    assert member_needs(adam)["jacobian"] == 0
    assert update_flops(one) > update_flops(adam) + 4 * 9**6 * 1217
    by = {s: LevenbergMarquardt(solver=s).cost_of_rows(5000, 1361).flops for s in SYSTEMS}
    assert by["cholesky"] < by["qr"] < by["svd"]
