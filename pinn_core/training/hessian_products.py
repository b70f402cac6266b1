"""Products of vectors with the Hessian of what a pack optimises, at one step's parameters."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives import Batch
from pinn_core.probes.hessian import Product, hessian
from pinn_core.probes.landscape import TOGETHER
from pinn_core.training.loss_weights import LossWeights
from pinn_core.training.penalty import Penalty


class HessianProducts:
    """``StepContext.products``: the step's points, its weights of terms and factors of points.

    With the penalty of large weights where one is given.
    In the training's precision. A member's gradient and its graph are made when they are first
    asked for, and kept as long as this is; on a CPU each member has its own, as alone its bits.
    """

    def __init__(
        self,
        disc: Discretization,
        loss_weights: LossWeights,
        batch: Batch,
        parameters: Float[Tensor, "m p"],
        penalty: Penalty | None = None,
    ) -> None:
        self._disc, self._loss_weights, self._batch = disc, loss_weights, batch
        self._penalty = penalty
        self._parameters = parameters
        self._size = TOGETHER if parameters.is_cuda else 1
        self._made: dict[int, Product] = {}

    def __call__(
        self, vectors: Float[Tensor, "k p"], members: Sequence[int]
    ) -> Float[Tensor, "k p"]:
        """H v of the named members."""
        rows = list(members)
        wide = torch.zeros_like(self._parameters)
        wide[rows] = vectors
        for group in sorted({member // self._size for member in rows}):
            own = slice(group * self._size, (group + 1) * self._size)
            wide[own] = self._product(group, own)(wide[own].clone())
        return wide[rows]

    def _product(self, group: int, own: slice) -> Product:
        if group not in self._made:
            members = range(len(self._parameters))[own]
            losses = partial(self._losses, members)
            self._made[group] = hessian(losses, self._parameters[own])
        return self._made[group]

    def _losses(self, members: Sequence[int], parameters: Tensor) -> Float[Tensor, " k"]:
        factors = self._loss_weights.factors_again(members)
        weights = self._loss_weights.table[:, list(members)].to(parameters.dtype)
        each = [
            term.differentiable_loss(
                self._disc, parameters, self._batch[term.points].of(members), factors
            )
            for term in self._loss_weights.terms
        ]
        total = (weights * torch.stack(each)).sum(0)
        penalty = self._penalty.of(parameters, members) if self._penalty else None
        return total if penalty is None else total + penalty
