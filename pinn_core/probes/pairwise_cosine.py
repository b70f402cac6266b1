"""How the loss terms' gradients lie to each other, pair by pair.

Free: the step has the gradients. Yu et al. (gradient surgery, NeurIPS 2020) call a negative cosine
a conflict; the literature on PINNs expects persistent conflicts where a loss stalls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from pinn_core.checks import at_least
from pinn_core.engine.stack import Stack
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.tensors import Tensor
from pinn_core.vectors.rows import dots


@PROBES.register("pairwise_cosine")
@dataclass(frozen=True, kw_only=True)
class PairwiseCosine(Probe):
    """Cosine between the gradients of every two loss terms, on the step's points.

    When to use: With three terms or more, to see which pair conflicts.
    """

    every: int = 10
    """It is recorded in every so many steps; 0 is never."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """One for each pair, in the terms' order."""
        return {
            f"{one.name}_{other.name}": Column(
                f"cosine between the gradients of loss/{one.name} and loss/{other.name}"
            )
            for one, other in combinations(setup.terms, 2)
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """A few passes over the parameters; three terms are assumed."""
        return ProbeCost(flops=6.0 * 2.0 * stack.size)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the step's gradients; NaN where one is zero."""
        names = [term.name for term in moment.setup.terms]
        gradients = [moment.evaluation.terms[name].gradient for name in names]
        pairs = list(combinations(range(len(names)), 2))
        left = [gradients[one] for one, _ in pairs] + gradients
        right = [gradients[other] for _, other in pairs] + gradients
        products = dots(left, right, moment.setup.disc.backend)
        lengths = products[len(pairs) :].sqrt()
        return {
            f"{names[one]}_{names[other]}": products[place] / (lengths[one] * lengths[other])
            for place, (one, other) in enumerate(pairs)
        }
