"""Conflicts between the loss terms of a pack: what is done about them and what is recorded."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.aggregations import Aggregation
from pinn_core.alignments import Alignment, Proposal
from pinn_core.configuration import Configuration
from pinn_core.discretization.discretization import Discretization
from pinn_core.optimizers.optimizer import Optimizer, Settings, StepContext
from pinn_core.optimizers.optimizer import State as OptimizerState
from pinn_core.vectors.gramian import ROUNDING, combined, gramian_of, weights_by
from pinn_core.vectors.rows import dots


class Conflict:
    """The aggregation and the alignment of a pack's members, each with its own settings.

    It has no memory: random orders are drawn by seed and step.
    """

    def __init__(
        self,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        disc: Discretization,
    ) -> None:
        self._aggregation = configurations[0].aggregation
        self._alignment = configurations[0].alignment
        self._seeds, self._backend = seeds, disc.backend
        self._settings = _settings([one.aggregation for one in configurations])
        shares = _settings([one.alignment for one in configurations])
        self._shares = {n: torch.from_numpy(own).to(disc.device) for n, own in shares.items()}

    @property
    def synchronizes(self) -> bool:
        """Whether a step waits for the device."""
        return self._aggregation.kind != "sum" or self._alignment.kind != "none"

    def terms(self, parts: Sequence[Float[Tensor, "m p"]]) -> "Gradients":
        """What counts as the terms, of the weighted gradients, the equation's first."""
        rows = list(parts)
        if self._aggregation.terms == "two":
            together = rows[1]
            for other in rows[2:]:
                together = together + other
            rows = [rows[0], together]
        return Gradients(rows, self._backend)

    def direction(
        self, gradients: "Gradients", total: Float[Tensor, "m p"], step: int | Int[Tensor, ""]
    ) -> Float[Tensor, "m p"]:
        """What the optimizer is given; ``total`` is the gradients' sum."""
        if self._aggregation.kind == "sum":
            return total
        own = weights_by(
            lambda gramian: self._aggregation.weights(
                self._settings, gramian, self._seeds, int(step)
            ),
            gradients.products,
        )
        return combined(own, gradients.rows).to(total.dtype)

    def update(
        self,
        gradients: "Gradients",
        optimizer: Optimizer,
        settings: Settings,
        state: OptimizerState,
        context: StepContext,
        now: int | Int[Tensor, ""],
    ) -> tuple[Float[Tensor, "m p"], Float[Tensor, "c m"]]:
        """What to add to the parameters, and the numbers of ``trajectory.CONFLICT``."""
        backend = self._backend
        update = optimizer.update(settings, state, context, now, backend)
        proposal = Proposal(
            update, gradients.rows, context, optimizer, settings, state, now, backend
        )
        applied = self._alignment.aligned(self._shares, proposal)
        against = gradients.against([context.gradient, update, applied], [1, -1, -1])
        return applied, torch.stack([gradients.conflicting(), *against, gradients.alignment()])


def _settings(each: Sequence[Aggregation | Alignment]) -> dict[str, Float[ndarray, "m 1"]]:
    """What members may differ in."""
    return {
        name: np.array([[getattr(one, name)] for one in each], dtype=float)
        for name in each[0].per_member
    }


class Gradients:
    """The terms' gradients of a step, and their inner products (m, t, t) in float64."""

    def __init__(self, rows: Sequence[Float[Tensor, "m p"]], backend: str) -> None:
        self.rows = rows
        self._backend = backend
        self.products = gramian_of(rows, rows, backend)
        self._squares = self.products.diagonal(dim1=1, dim2=2)

    def conflicting(self) -> Float[Tensor, " m"]:
        """1 where the gradients of any two terms conflict, else 0; NaN where one is not finite."""
        sizes = (self._squares[:, :, None] * self._squares[:, None, :]).sqrt()
        return _any(self.products.flatten(1), sizes.flatten(1))

    def against(
        self, vectors: Sequence[Float[Tensor, "m p"]], signs: Sequence[int]
    ) -> list[Float[Tensor, " m"]]:
        """For each vector 1 where its direction, times its sign, conflicts with any gradient."""
        count = len(self.rows)
        left = [each for vector in vectors for each in (vector, *self.rows)]
        right = [vector for vector in vectors for _ in range(count + 1)]
        found = dots(left, right, self._backend).split(count + 1)
        return [
            _any(sign * own[1:].T, (own[:1].T * self._squares).sqrt())
            for sign, own in zip(signs, found, strict=True)
        ]

    def alignment(self) -> Float[Tensor, " m"]:
        """2 |mean of g_i / |g_i||^2 - 1: from -1, where they cancel, to 1, where they agree.

        A gradient of length zero counts as no direction. Of two terms it is their cosine.
        """
        sizes = (self._squares[:, :, None] * self._squares[:, None, :]).sqrt().flatten(1)
        cosines = torch.where(sizes == 0, 0.0, self.products.flatten(1) / sizes).contiguous()
        return 2 * cosines.sum(1) / cosines.shape[1] - 1


def _any(products: Float[Tensor, "m k"], sizes: Float[Tensor, "m k"]) -> Float[Tensor, " m"]:
    """1 where any two directions conflict: their cosine, product over size, is below -ROUNDING."""
    found = (products < -ROUNDING * sizes).any(1).double()
    return torch.where(products.isfinite().all(1), found, torch.nan)
