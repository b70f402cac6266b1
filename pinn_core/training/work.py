"""What a pack's training has cost so far, row by row: evaluations, Hessian products, who stopped.

An optimizer says in ``counts`` what its state counts for itself. Counted is what the method needs:
a step that follows a search has the loss and gradient that the search ended with, though a pack
makes them again.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.optimizers import Optimizer
from pinn_core.optimizers import State as OptimizerState
from pinn_core.records.trajectory import STOP_REASONS

COUNTS = ("products", "stopped")
"""What only some optimizers count."""


def work_columns(phases: Sequence[Optimizer]) -> dict[str, str]:
    """The columns that a run has besides ``work/evaluations``, which all have."""
    names = {name for phase in phases for name in phase.counts}
    reasons = ", ".join(f"{number} {words}" for number, words in STOP_REASONS.items())
    meaning = {
        "products": "Hessian-vector products made up to this row",
        "stopped": f"why the run had stopped for good at this row: 0 running, {reasons}",
    }
    return {f"work/{name}": meaning[name] for name in COUNTS if name in names}


class Work:
    """What was done to come to every row, as tables (steps + 1, counts, m) in float64.

    ``names`` are the counts: ``evaluations`` and those that some phase's optimizer makes.
    Evaluations that only serve the record are not counted, those that a weighting asks for are.
    """

    def __init__(self, phases: Sequence[Optimizer]) -> None:
        counted = [column.removeprefix("work/") for column in work_columns(phases)]
        self.names = ["evaluations", *counted]

    def start(self, rows: int, members: int, device: str) -> Float[Tensor, "rows c m"]:
        """The table before the first phase."""
        shape = rows, len(self.names), members
        return torch.zeros(shape, dtype=torch.float64, device=device)

    def enter(
        self,
        table: Float[Tensor, "rows c m"],
        row: int,
        optimizer: Optimizer,
        weighs: Callable[[int], bool],
        share: float = 1,
    ) -> None:
        """Fill the rows of a phase with what is known when it begins at ``row``.

        ``weighs`` says whether the weighting makes an evaluation after the update out of a row,
        ``share`` what part of an evaluation a step makes.
        """
        end = min(row + optimizer.steps, len(table) - 1)
        updates = share * np.arange(1, end - row + 1)
        steps = np.ones_like(updates) if "evaluations" in optimizer.counts else updates
        steps = steps + np.cumsum([weighs(step) for step in range(row, end)], dtype=int)
        added = torch.from_numpy(steps).to(table)[:, None]
        table[row + 1 : end + 1] = table[row]
        table[row + 1 : end + 1, 0] += added
        if "stopped" in self.names:
            table[row + 1 : end + 1, self.names.index("stopped")] = 0

    def count(
        self,
        table: Float[Tensor, "rows c m"],
        row: int,
        counts: frozenset[str],
        optimizer: OptimizerState,
    ) -> None:
        """Add what the optimizer (its ``counts``) counted in its phase up to ``row``."""
        for number, name in enumerate(self.names):
            if name in counts:
                table[row, number] += optimizer[name]
