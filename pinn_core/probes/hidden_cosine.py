"""How alike the hidden states of different points are.

A network of attention layers that learns an algorithm stalls while the hidden states of its tokens
are nearly parallel; it holds a part of the solution then, and the states turn apart before the loss
drops (2025, arXiv 2506.13688, its summary). Carried over to points in the place of tokens this
predicts for a PINN: the mean cosine of the last hidden layer is above 0.9 on the plateau, and falls
before the loss does.

That paper is about attention, not about PINNs: the analogy is ours, and so is the average over
points of the domain. As there, the states are not centred.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.engine.hidden import hidden_states, hidden_widths
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Objective
from pinn_core.probes.feature_rank import layer_names
from pinn_core.probes.points import uniform_points
from pinn_core.probes.probe import PROBES, Column, Moment, Phases, Probe, ProbeCost, Setup
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.apart import one_at_a_time


@PROBES.register("hidden_cosine")
@dataclass(frozen=True, kw_only=True)
class HiddenCosine(Probe):
    """Mean cosine between the hidden states of every two points, of every hidden layer.

    At ``points`` midpoints of equal cells of the domain or a few more. For n unit vectors it is
    (|their sum|^2 - n) / (n (n - 1)), so no pair is looked at. The states are those of the
    training's precision, what follows is float64. States of length zero have no direction and are
    left out. Layers are ``hidden_1``, ``hidden_2`` and so on, and ``last``.

    When to use: To see whether a network that stalls has nearly the same hidden state all over the
    domain.
    """

    every: int = 200
    """It is recorded in every so many steps; 0 is never."""
    points: int = 1024
    """Midpoints of equal cells of the domain that are looked at, at least."""
    layers: Literal["all", "last"] = "all"
    """Whether all hidden layers are looked at, or the last one alone."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(2, points=self.points)

    def check_run(self, stack: Stack, objective: Objective, phases: Phases) -> None:  # noqa: ARG002
        """Refuse torch modules that have no hidden layers to look at."""
        try:
            hidden_widths(stack)
        except ValueError as error:
            raise ValueError(f"probe {self.kind}: {error}") from None

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """One for each hidden layer."""
        return {
            layer: Column(f"mean cosine between the states of two points, {layer} hidden layer")
            for layer in layer_names(setup.disc.stack, self.layers)
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """The states, and a few operations with each of their numbers."""
        numbers = self.points * sum(stack.widths[1:-1])
        return ProbeCost(2.0 * self.points * stack.size + 5.0 * numbers, 2 * numbers)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the states of the hidden layers."""
        disc = moment.setup.disc
        effective, _ = disc.parametrization.effective(moment.parameters)
        points = torch.from_numpy(uniform_points(disc.problem, self.points)).to(effective)

        layers = layer_names(disc.stack, self.layers)

        def cosines(parameters: Tensor) -> tuple[Tensor, ...]:
            states = hidden_states(disc.stack, parameters, points)[-len(layers) :]
            return tuple(mean_cosine(h.double()) for h in states)

        return dict(zip(layers, one_at_a_time(cosines, effective), strict=True))


def mean_cosine(states: Float[Tensor, "m n w"]) -> Float[Tensor, " m"]:
    """The mean over all pairs of different rows; NaN where fewer than two have a direction."""
    lengths = states.norm(dim=2, keepdim=True)
    directed = lengths != 0
    units = torch.where(directed, states / lengths, 0.0)
    count: Tensor = directed.sum((1, 2))
    square: Tensor = units.sum(1).square().sum(1)
    return (square - count) / (count * (count - 1))
