"""The penalty of large weights: a multiple of their squares, optimised beside the loss terms."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.discretization.discretization import Discretization
from pinn_core.vectors.rows import dots


class Penalty:
    """l2 |W|^2 of every member, W the entries of all matrices that its network trains.

    ``factors`` are the members' l2. Nothing is added to what belongs to a member with l2 = 0, so
    that its bits are those of a pack without a penalty.
    """

    def __init__(self, disc: Discretization, factors: Sequence[float]) -> None:
        self._known = list(factors)
        self._factors = torch.tensor(self._known, dtype=torch.float64, device=disc.device)
        places = [torch.arange(own.start, own.stop) for own, _ in disc.stack.matrices()]
        self._places = torch.cat(places).to(disc.device)
        self._backend = disc.backend

    def added(
        self,
        parameters: Float[Tensor, "k p"],
        members: Sequence[int] | slice,
        loss: Float[Tensor, " k"],
        gradient: Float[Tensor, "k p"],
    ) -> tuple[Float[Tensor, " k"], Float[Tensor, "k p"]]:
        """Loss (float64) and gradient of some members with the penalty at their parameters."""
        weights = self._weights(parameters)
        factors = self._factors[members]
        penalised = factors > 0
        squares = dots([weights], [weights], self._backend)[0]
        slopes = (2 * factors)[:, None].to(parameters.dtype) * weights
        return (
            torch.where(penalised, loss + factors * squares, loss),
            torch.where(penalised[:, None], gradient + slopes, gradient),
        )

    def of(self, parameters: Float[Tensor, "k p"], members: Sequence[int]) -> Tensor | None:
        """The penalty alone (k,), differentiable by autograd; None where no member has one."""
        if not self.concerns(members):
            return None
        squares = parameters[:, self._places].square().sum(1)
        return self._factors[list(members)].to(parameters.dtype) * squares

    def concerns(self, members: Sequence[int]) -> bool:
        """Whether any of these members has a penalty."""
        return any(self._known[member] for member in members)

    def rows(
        self, parameters: Float[Tensor, "k p"], members: Sequence[int]
    ) -> Float[Tensor, "k weights"]:
        """Numbers whose squares add up to the penalty: sqrt(l2) times every weight."""
        return self._roots(parameters, members) * parameters[:, self._places]

    def jacobian(
        self, parameters: Float[Tensor, "k p"], members: Sequence[int], size: int
    ) -> Float[Tensor, "k weights size"]:
        """Their derivatives by the first ``size`` parameters."""
        count = len(self._places)
        table = parameters.new_zeros(len(parameters), count, size)
        table[:, torch.arange(count), self._places] = self._roots(parameters, members)
        return table

    def _roots(self, parameters: Tensor, members: Sequence[int]) -> Float[Tensor, "k 1"]:
        return self._factors[list(members)].sqrt()[:, None].to(parameters.dtype)

    def _weights(self, parameters: Float[Tensor, "k p"]) -> Float[Tensor, "k p"]:
        """The parameters with zeros in place of all that is no weight."""
        weights = torch.zeros_like(parameters)
        weights[:, self._places] = parameters[:, self._places]
        return weights
