"""Updates as the optimizer proposes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.alignments.alignment import ALIGNMENTS, Alignment, Proposal
from pinn_core.optimizers.optimizer import Optimizer, Settings
from pinn_core.tensors import Tensor


@ALIGNMENTS.register("none")
@dataclass(frozen=True, kw_only=True)
class Unaligned(Alignment):
    """The optimizer's update is applied as it is.

    When to use: The default, and the baseline of ``gua``.
    """

    def check(self, phases: Sequence[Optimizer]) -> None:
        """Nothing to refuse."""

    def aligned(
        self,
        settings: Settings,  # noqa: ARG002
        proposal: Proposal,
    ) -> Float[Tensor, "m p"]:
        """The update itself."""
        return proposal.update
