"""An activation, a weighting, an optimizer, a network, a probe and a sampler of one's own."""

from dataclasses import dataclass
from typing import ClassVar

import torch

import pinn_sweeps as ps


@ps.ACTIVATIONS.register("snake")
@ps.by_autograd
def snake(z):
    """z + sin(z)^2 (Liu, Hartwig, Ueda 2020)."""
    return z + torch.sin(z) ** 2


@ps.WEIGHTINGS.register("loss_rates")
@dataclass(frozen=True, kw_only=True)
class LossRates(ps.Weighting):
    """Weights grow with the relative change of the losses, as in SoftAdapt (Heydari et al. 2019).

    ``beta`` says how much; the mean of the weights stays that of the objective's.
    """

    beta: float = 0.1
    every: int = 10

    def start(self, sizes, weights):
        return {"last": torch.full_like(weights.T, torch.inf), "first": weights.T.clone()}

    def due(self, step):
        return step % self.every == 0

    def update(self, state, view):
        losses = view.losses.double()
        rates = torch.nan_to_num((losses - state["last"].T) / losses, nan=0.0, neginf=0.0)
        state["last"] = losses.T.clone()
        shares = torch.softmax(self.beta * rates, dim=0)
        return state["first"].T * shares * len(view.names)


@ps.OPTIMIZERS.register("lion")
@dataclass(frozen=True, kw_only=True)
class Lion(ps.Optimizer):
    """Lion: steps of one length in every parameter (Chen et al. 2023, algorithm 2)."""

    per_member: ClassVar[frozenset[str]] = frozenset({"learning_rate"})
    synchronizes: ClassVar[bool] = False

    steps: int = 1000
    learning_rate: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99

    def start(self, parameters):
        return {"momentum": torch.zeros_like(parameters)}

    def update(self, settings, state, context, step, backend="auto"):
        momentum, gradient = state["momentum"], context.gradient
        direction = torch.sign(self.beta1 * momentum + (1.0 - self.beta1) * gradient)
        state["momentum"] = self.beta2 * momentum + (1.0 - self.beta2) * gradient
        return -settings["learning_rate"].to(gradient) * direction


@ps.NETWORKS.register("gated_sum")
@dataclass(frozen=True, kw_only=True)
class GatedSum(ps.ModuleNetwork):
    """A sum of small networks, each times a gate of its own: any torch module will do."""

    branches: int = 2
    width: int = 16

    def module(self, inputs, outputs):
        return _GatedSum(self.branches, self.width, inputs, outputs)


class _GatedSum(torch.nn.Module):
    def __init__(self, branches, width, inputs, outputs):
        super().__init__()
        self.bodies = torch.nn.ModuleList(_body(width, inputs, outputs) for _ in range(branches))
        self.gates = torch.nn.ModuleList(torch.nn.Linear(inputs, 1) for _ in range(branches))

    def forward(self, x):
        pairs = zip(self.gates, self.bodies, strict=True)
        return sum(torch.sigmoid(gate(x)) * body(x) for gate, body in pairs)


def _body(width, inputs, outputs):
    tanh, linear = torch.nn.Tanh, torch.nn.Linear
    return torch.nn.Sequential(
        linear(inputs, width), tanh(), linear(width, width), tanh(), linear(width, outputs)
    )


@ps.PROBES.register("length")
@dataclass(frozen=True, kw_only=True)
class Length(ps.Probe):
    """How long the parameters are."""

    every: int = 20

    def columns(self, setup):
        return {"parameters": ps.Column("length of the parameters")}

    def measure(self, moment):
        return {"parameters": moment.parameters.double().square().sum(1).sqrt()}


@ps.SAMPLERS.register("early")
@dataclass(frozen=True, kw_only=True)
class Early(ps.Sampler):
    """New points that crowd at early times: the last coordinate's share of its range to a power."""

    power: float = 2.0

    def batches(self, asked, disc, seeds, state):
        return _EarlyBatches(self.power, asked, disc, ps.Fresh(disc, "uniform", seeds))


@dataclass(frozen=True)
class _EarlyBatches:
    power: float
    asked: ps.Asked
    disc: ps.Discretization
    fresh: ps.Fresh

    @property
    def fixed(self):
        return self.asked.resample == 0

    def at(self, step, parameters=None):
        drawing = self.asked.drawing(step)
        points = self.fresh.interior(self.asked.batch, drawing).coordinates.clone()
        first, last = self.disc.problem.domain.low[-1], self.disc.problem.domain.high[-1]
        share = (points[..., -1] - first) / (last - first)
        points[..., -1] = first + (last - first) * share**self.power
        on = {
            name: self.fresh.condition(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        return {"interior": ps.PointSet({"coordinates": points}), **on}
