"""What the probes cost beside a step, by the operations that they and the step state."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from pinn_core import Adam, Configuration, Heat, Mlp, Pinn, Record
from pinn_core.probes import PROBES, Probe
from pinn_core.problems import AllenCahn, Convection, Helmholtz, Problem, Wave
from pinn_core.training.operations import recording_flops, step_flops

PRODUCTS = ("sharpness",)
"""Those that need products with the Hessian: the studies that name them pay for them."""


def configuration(problem: Problem, width: int, depth: int, *probes: Probe) -> Configuration:
    return Configuration(
        problem=problem,
        network=Mlp(width=width, depth=depth, activation="tanh"),
        objective=Pinn(),
        phases=(Adam(),),
        record=replace(Record(full_every=0, held_out_every=0), probes=probes),
    )


@pytest.mark.parametrize(("width", "depth"), [(32, 3), (50, 4), (256, 4)])
@pytest.mark.parametrize(
    "problem",
    [Heat(points_per_axis=9), Convection(), Helmholtz(), AllenCahn(), Wave()],
    ids=lambda problem: problem.kind,
)
def test_together_they_take_a_fifth_of_a_step_at_most(
    problem: Problem, width: int, depth: int
) -> None:
    probes = [PROBES[kind]() for kind in PROBES.names() if kind not in PRODUCTS]
    one = configuration(problem, width, depth, *probes)
    assert recording_flops(one) <= 0.2 * step_flops(one)


def test_products_with_the_hessian_cost_more_and_say_so() -> None:
    one = configuration(Heat(points_per_axis=9), 50, 4, PROBES["sharpness"]())
    assert recording_flops(one) > 0.2 * step_flops(one)


@pytest.mark.parametrize("kind", PROBES.names())
def test_a_probe_is_off_unless_a_run_names_it_and_says_what_it_takes(kind: str) -> None:
    assert not Record().probes
    probe: Any = PROBES[kind]()
    assert "every" in {field.name for field in fields(probe)}
    without, one = (
        configuration(Heat(points_per_axis=9), 32, 3, *probes) for probes in ((), (probe,))
    )
    assert recording_flops(one) > recording_flops(without)
