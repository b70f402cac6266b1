"""What line searches evaluated last: where one ended, the next step need not evaluate again."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.objectives import Evaluation, LossGradient

Known = tuple[Evaluation, int]
"""An evaluation of several members, and the row of one."""


class LineSearchCache:
    """By member the last parameters that were tried, with what was found there.

    It serves a pack only as long as nothing but the parameters decides what is found: the same
    points at every step, no factors of points, one stage.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[Tensor, Known]] = {}

    def keep(
        self, members: Sequence[int], parameters: Float[Tensor, "k p"], evaluation: Evaluation
    ) -> None:
        """Remember an evaluation of some members."""
        for row, member in enumerate(members):
            self._last[member] = parameters[row], (evaluation, row)

    def known(self, parameters: Float[Tensor, "m p"]) -> dict[int, Known]:
        """What was found at these very parameters, for the members that were there last."""
        return {
            member: place
            for member, (tried, place) in self._last.items()
            if torch.equal(tried, parameters[member])
        }


def joined(places: Sequence[Known]) -> Evaluation:
    """One evaluation of members from several."""
    (first, _) = places[0]
    return Evaluation(
        {
            name: LossGradient(
                torch.stack([each.terms[name].loss[row] for each, row in places]),
                torch.stack([each.terms[name].gradient[row] for each, row in places]),
            )
            for name in first.terms
        },
        {
            name: torch.stack([each.values[name][row] for each, row in places])
            for name in first.values
        },
    )
