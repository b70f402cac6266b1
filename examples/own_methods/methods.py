"""An activation, a weighting and an optimizer that the program does not ship."""

from dataclasses import dataclass
from typing import ClassVar

import torch

import pinn_sweeps as ps


@ps.ACTIVATIONS.register("snake")
@ps.by_autograd
def snake(z):
    """z + sin(z)^2 (Liu, Hartwig, Ueda 2020)."""
    return z + torch.sin(z) ** 2


@ps.WEIGHTINGS.register("softadapt")
@dataclass(frozen=True, kw_only=True)
class SoftAdapt(ps.Weighting):
    """SoftAdapt: weights grow with the relative change of the losses (Heydari et al. 2019).

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
