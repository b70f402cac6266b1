"""How well the gradients of all loss terms point one way, as one number.

A = 2 |(1/n) sum g_i / |g_i||^2 - 1 for the gradients g_i of n terms (Wang, Bhartari, Li, Perdikaris
2025, arXiv 2502.00604, equation 3.1): 1 where all point one way, -1 where their directions cancel,
2/n - 1 where they are orthogonal to each other, and for two terms their cosine. The paper finds low
scores throughout the training of PINNs and higher ones with optimizers of second order, which it
calls the reason why these are faster. So it predicts: A is low, negative for two terms, while the
loss stalls, and turns before it drops.

The score here is that of the terms in one step. The paper's second score, of one term in successive
steps, would need what a term's gradient was a step before, and probes keep nothing between
measurements.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pinn_core.checks import at_least
from pinn_core.engine.stack import Stack
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.tensors import Tensor
from pinn_core.vectors.rows import dots


@PROBES.register("alignment_score")
@dataclass(frozen=True, kw_only=True)
class AlignmentScore(Probe):
    """The alignment score of the gradients of the loss terms, on the step's points.

    Weights of the terms do not change it. Runs with one term have none: no column.

    When to use: With three terms or more, for one number on their conflicts in place of a cosine
    for each pair.
    """

    every: int = 10
    """It is recorded in every so many steps; 0 is never."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """One, where there are several terms."""
        count = len(setup.terms)
        if count < 2:
            return {}
        meaning = (
            f"2 |mean of the unit gradients of {count} loss terms|^2 - 1; "
            f"{2 / count - 1:.3g} where they are orthogonal"
        )
        return {"terms": Column(meaning)}

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """A few passes over the parameters; three terms are assumed."""
        return ProbeCost(flops=6.0 * 2.0 * stack.size)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the step's gradients; NaN where one is zero."""
        setup = moment.setup
        gradients = [moment.evaluation.terms[term.name].gradient for term in setup.terms]
        count = len(gradients)
        if count < 2:
            return {}
        pairs = [(one, other) for one in range(count) for other in range(one, count)]
        products = dots(
            [gradients[one] for one, _ in pairs],
            [gradients[other] for _, other in pairs],
            setup.disc.backend,
        )
        table = dict(zip(pairs, products, strict=True))
        lengths = [table[one, one].sqrt() for one in range(count)]
        total = sum(
            (1.0 if one == other else 2.0) * found / (lengths[one] * lengths[other])
            for (one, other), found in table.items()
        )
        return {"terms": 2.0 * total / count**2 - 1.0}
