"""A run with a probe, and its loss again from networks and derivatives that are torch's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.probes import Probe
from pinn_core.problems import Heat
from pinn_core.testing.nesting import derivatives

RECORD = Record(points=40, gradient_points=20, sketch_every=0, held_out_every=0, parameters=1)


@dataclass(frozen=True)
class Probed:
    """A run in float64 that measured at every step, and what it was made of."""

    configuration: Configuration
    table: Any
    parameters: Any

    @cached_property
    def disc(self) -> Discretization:
        one = self.configuration
        return Discretization(one.problem, one.network, "float64", constraints=one.constraints)

    def cell(self, column: str, step: int = 0) -> Any:
        return self.table[column][step].as_py()

    def theta(self, step: int) -> Tensor:
        """The network's parameters in a row; those of step 0 as they were drawn."""
        if step == 0:
            return self.disc.initial(self.configuration.network, 0)
        return torch.as_tensor(self.parameters[step]).double()


def run(probe: Probe, **parts: Any) -> Probed:
    """Of a small heat problem, unless the parts say something else."""
    one = Configuration(
        **{
            "problem": Heat(points_per_axis=5),
            "network": Mlp(width=6, depth=2, activation="tanh"),
            "objective": Pinn(lambda_b=10.0),
            "phases": (Adam(steps=3, learning_rate=1e-2),),
            "record": replace(RECORD, probes=(replace(probe, every=1),)),  # type: ignore[type-var]
            "precision": "float64",
            **parts,
        }
    )
    found = train([Member(one, 0)])[0]
    return Probed(one, found.table, found.parameters)


def mismatches(disc: Discretization, name: str, theta: Tensor, points: PointSet) -> Tensor:
    """What a term squares (n, q), by nested differentiation; of the residual or of values."""
    operators = disc.operators if name == "residual" else ()
    channels = derivatives(disc.stack, theta[None], points.coordinates, operators)
    if name != "residual":
        return channels[0, 0] - points["target"][0]
    rows = list(channels.unbind(1))
    for index, operator in enumerate(operators, start=1):
        rows[index] = rows[index] + operator.zeroth * rows[0]
    return disc.problem.residual(torch.stack(rows, 1), points.coordinates)[0]


def jacobian(disc: Discretization, name: str, theta: Tensor, points: PointSet) -> Tensor:
    """Its dense Jacobian (n, q, p) by autograd."""

    def of(own: Tensor) -> Tensor:
        return mismatches(disc, name, own, points)

    found: Tensor = torch.autograd.functional.jacobian(of, theta)
    return found
