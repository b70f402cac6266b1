"""Products of vectors with the Hessian of what a pack optimises, at one step's parameters."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Cloud, Field
from pinn_core.objectives import Batch
from pinn_core.objectives.tangent_kernel import cloud_of
from pinn_core.objectives.terms import differentiable_loss
from pinn_core.probes.hessian import Product, hessian
from pinn_core.probes.landscape import TOGETHER
from pinn_core.training.loss_weights import Balance


class Curvature:
    """``Descent.products``: the step's points, its weights of terms and factors of points.

    In the training's precision. A member's gradient and its graph are made when they are first
    asked for, and kept as long as this is; on a CPU each member has its own, as alone its bits.
    """

    def __init__(
        self, field: Field, balance: Balance, batch: Batch, parameters: Float[Tensor, "m p"]
    ) -> None:
        self._field, self._balance, self._batch = field, balance, batch
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
        factors = self._balance.factors_again(members)
        weights = self._balance.table[:, list(members)].to(parameters.dtype)
        each = [
            differentiable_loss(self._field, parameters, name, self._cloud(name, members), factors)
            for name in self._balance.names
        ]
        return (weights * torch.stack(each)).sum(0)

    def _cloud(self, name: str, members: Sequence[int]) -> Cloud:
        """The points of a term; a regression's are the batch's only ones."""
        place = "grid" if name == "regression" else cloud_of(name)
        return self._batch[place].of(members)
