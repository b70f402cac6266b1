"""The sharpness of the loss against what the learning rate bears, and where the update goes.

Gradient descent is stable on a quadratic while the largest eigenvalue of the Hessian H, the
sharpness, is below 2 / rate; on a full batch networks sharpen up to that and hover there, the edge
of stability (Cohen, Kaur, Li, Kolter, Talwalkar, ICLR 2021). Adam with frozen second moments is
gradient descent with a moving average, preconditioned by P = (1 - beta1^t) (sqrt(v_hat) + epsilon);
it is stable while the largest eigenvalue of P^-1 H is below (2 + 2 beta1) / ((1 - beta1) rate), 38
/ rate for beta1 = 0.9 (Cohen and others, arXiv 2207.14484). Of the update that part may be lost in
oscillation that lies in the dominant eigenspace, that of the k largest eigenvalues: of classifiers
it is known that descent in that space alone does not lower the loss, and descent without it does as
well as with it (Song, Ahn, Yun, arXiv 2405.16002).

So it predicts: on a plateau the sharpness is at its bound (ratio about 1) and most of the update
lies in the dominant eigenspace; the drop follows when what the update gains outside of it
(``bulk_decrease``) takes over. A plateau with a ratio far below 1 speaks against it.

We read of these papers summaries alone; the bound of Adam is derived anew: the characteristic
polynomial z^2 - (1 + beta1 - (1 - beta1) rate lambda) z + beta1 has its roots in the unit circle
while rate lambda is below that number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import at_least
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Objective
from pinn_core.optimizers.adam import Adam
from pinn_core.optimizers.gradient_descent import GradientDescent
from pinn_core.optimizers.schedule import decayed
from pinn_core.probes.lanczos import krylov, lanczos, largest, reached
from pinn_core.probes.members import by_member
from pinn_core.probes.probe import (
    PROBES,
    Column,
    Moment,
    Phase,
    Phases,
    Probe,
    ProbeCost,
    Setup,
)
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch

DOMINANT = (1, 5, 10)
"""Dimensions k of the dominant eigenspaces."""
TOGETHER = 16
"""Members whose products are made at once on a GPU."""
MEANINGS = {
    "largest": "largest eigenvalue of the Hessian of what is optimised",
    "against_bound": "largest eigenvalue of the Hessian, in parts of 2 / rate",
    "preconditioned": "largest eigenvalue of the Hessian as Adam preconditions it",
    "preconditioned_against_bound": (
        "that eigenvalue, in parts of (2 + 2 beta1) / ((1 - beta1) rate)"
    ),
    "bulk_decrease": "first-order decrease of the loss by the update outside of the top 10",
    "dominant_decrease": "first-order decrease of the loss by the update inside of the top 10",
}


@PROBES.register("sharpness")
@dataclass(frozen=True, kw_only=True)
class Sharpness(Probe):
    """Sharpness in parts of its bound, and the dominant eigenspaces' shares of gradient and update.

    By Lanczos' method from a fixed random start, with ``products`` products with the Hessian of
    what is optimised on the step's points, in float64; for Adam with half as many again with the
    preconditioned Hessian, of which the largest eigenvalue alone is sought. ``update_share_5`` is
    |P v|^2 / |v|^2 for the update v and the projector P on the eigenvectors of the 5 largest
    eigenvalues. The two decreases are -g . P v and -g . (v - P v) with the gradient g and P that of
    the 10 largest. ``against_bound`` needs Adam, AdamW or gradient descent, ``preconditioned`` one
    of the first two: elsewhere these cells are empty. Full batches alone.

    It is dear: by operations a product costs about four gradients, so that a measurement takes 240
    steps of Adam with 40 products, and more in seconds, for autograd differentiates twice what
    small networks train on in native code.

    When to use: To see whether a plateau is one of oscillation: whether the sharpness is at its
    bound, and updates are lost in the dominant eigenspace.
    """

    needs_update: ClassVar[bool] = True

    every: int = 1000
    """It is recorded in every so many steps; 0 is never."""
    products: int = 40
    """Products with the Hessian in a measurement."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(max(DOMINANT), products=self.products)

    def check_run(self, stack: Stack, objective: Objective, phases: Phases) -> None:  # noqa: ARG002
        """Refuse points that differ from step to step: the bound is that of one loss."""
        if not objective.fixed_points:
            raise ValueError(
                f"probe {self.kind} needs the same points in every step, "
                f"found batch: {objective.batch}, allowed: full, or drawn points with resample: 0"
            )

    def columns(self, setup: Setup) -> Mapping[str, Column]:  # noqa: ARG002
        """The sharpness, its ratios, and shares of the dominant eigenspaces."""
        shares = {
            f"{name}_share_{k}": Column(f"part of |{name}|^2 in the top {k} eigenvectors")
            for name in ("gradient", "update")
            for k in DOMINANT
        }
        return {**{name: Column(meaning) for name, meaning in MEANINGS.items()}, **shares}

    def cost(self, stack: Stack, points: int) -> ProbeCost:
        """Products at four gradients of four channels each, and what is done to vectors."""
        products = 1.5 * self.products * 4.0 * 24.0 * points * stack.size
        vectors = 2.0 * 4.0 * self.products**2 * stack.size
        graph = 8 * 6 * points * sum(stack.widths[1:-1])
        return ProbeCost(products + vectors, graph + self.products * stack.size)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From Lanczos' matrices of the Hessian and, for Adam, of the preconditioned one."""
        disc, update = moment.setup.disc, moment.update
        assert update is not None
        gradient = torch.zeros_like(update, dtype=torch.float64)
        for weight, term in zip(moment.weights, moment.setup.terms, strict=True):
            gradient += weight[:, None] * moment.evaluation.terms[term.name].gradient
        start = torch.zeros_like(update[0], dtype=torch.float64)
        start[: disc.size] = _start(disc.size).to(disc.device)
        rate, roots = _rate(moment.phase), _roots(moment.phase, update)

        def measured(parameters: Tensor, members: Sequence[int]) -> dict[str, Tensor]:
            def product(vectors: Tensor) -> Tensor:
                return moment.products(vectors, members)

            own = list(members)
            begun = start.expand_as(parameters).clone()
            vectors = {"gradient": gradient[own], "update": update[own].double()}
            found = _dominant(product, begun, self.products, vectors)
            if roots is not None:
                found["preconditioned"] = _between(product, begun, self.products // 2, roots[own])
            return found

        found = by_member(moment.parameters, measured, TOGETHER)
        nothing = torch.full_like(found["largest"], torch.nan)
        found.setdefault("preconditioned", nothing)
        found["against_bound"] = nothing if rate is None else found["largest"] * rate / 2
        found["preconditioned_against_bound"] = nothing
        if rate is not None and isinstance(moment.phase.optimizer, Adam):
            beta = moment.phase.optimizer.beta1
            bound = (2 + 2 * beta) / (1 - beta) / rate
            found["preconditioned_against_bound"] = found["preconditioned"] / bound
        return found


def _start(size: int) -> Float[Tensor, " p"]:
    """The same for every run of as many parameters."""
    return torch.from_numpy(generator(0, f"sharpness/{size}").standard_normal(size))


def _rate(phase: Phase) -> Float[Tensor, " m"] | None:
    """The step's learning rates, where they are what the gradient is multiplied by."""
    optimizer = phase.optimizer
    if not isinstance(optimizer, Adam | GradientDescent):
        return None
    rates = phase.settings["learning_rate"].double()
    return decayed(rates, optimizer.decay, optimizer.decay_steps, phase.step)[:, 0]


def _roots(phase: Phase, like: Float[Tensor, "m p"]) -> Float[Tensor, "m p"] | None:
    """The diagonal of P^-1/2, of Adam."""
    optimizer = phase.optimizer
    if not isinstance(optimizer, Adam):
        return None
    corrected = 1 - optimizer.beta2 ** (phase.step + 1)
    root = (phase.state["second"].double() / corrected).sqrt() + optimizer.epsilon
    return ((1 - optimizer.beta1 ** (phase.step + 1)) * root).rsqrt().expand_as(like)


def _between(
    product: Callable[[Tensor], Tensor],
    start: Float[Tensor, "m p"],
    steps: int,
    roots: Float[Tensor, "m p"],
) -> Float[Tensor, " m"]:
    """The largest eigenvalue of P^-1/2 H P^-1/2, which is that of P^-1 H."""
    matrices = lanczos(lambda vectors: roots * product(roots * vectors), start, steps)
    numbers = [table.cpu().numpy() for table in matrices]
    return start.new_tensor([_largest(*own) for own in zip(*numbers, strict=True)])


def _largest(diagonal: Float[ndarray, " k"], beside: Float[ndarray, " k"]) -> float:
    sound = np.isfinite(diagonal).all() and np.isfinite(beside).all()
    return largest(diagonal, beside) if sound else np.nan


def _dominant(
    product: Callable[[Tensor], Tensor],
    start: Float[Tensor, "m p"],
    steps: int,
    vectors: Mapping[str, Float[Tensor, "m p"]],
) -> dict[str, Tensor]:
    """The sharpness, the dominant eigenspaces' shares of the vectors, and what these gain."""
    diagonal, beside, basis = krylov(product, start, steps)
    columns: dict[str, list[Tensor]] = {}
    for row in range(len(start)):
        sharpness, dominant = _ritz(
            diagonal[row].cpu().numpy(), beside[row].cpu().numpy(), basis[row]
        )
        inside = {name: dominant @ own[row] for name, own in vectors.items()}
        numbers = {"largest": start.new_tensor(sharpness)}
        for name, parts in inside.items():
            for k in DOMINANT:
                length = vectors[name][row].square().sum()
                numbers[f"{name}_share_{k}"] = parts[:k].square().sum() / length
        gained = -(inside["gradient"] * inside["update"]).sum()
        whole = -(vectors["gradient"][row] * vectors["update"][row]).sum()
        numbers |= {"dominant_decrease": gained, "bulk_decrease": whole - gained}
        for name, number in numbers.items():
            columns.setdefault(name, []).append(number)
    return {name: torch.stack(numbers) for name, numbers in columns.items()}


def _ritz(
    diagonal: Float[ndarray, " k"], beside: Float[ndarray, " k"], basis: Float[Tensor, "k p"]
) -> tuple[float, Float[Tensor, "top p"]]:
    """The largest eigenvalue and the leading eigenvectors, the first one first; NaN if need be."""
    most = max(DOMINANT)
    if not (np.isfinite(diagonal).all() and np.isfinite(beside).all()):
        return np.nan, torch.full_like(basis[:most], torch.nan)
    count = reached(beside)
    values, small = scipy.linalg.eigh_tridiagonal(diagonal[:count], beside[: count - 1])
    leading = torch.from_numpy(small[:, ::-1][:, :most].copy()).to(basis)
    return float(values[-1]), leading.T @ basis[:count]
