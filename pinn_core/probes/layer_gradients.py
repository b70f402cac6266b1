"""How long the loss terms' gradients are in every layer.

Free: the step has the gradients. Wang, Teng and Perdikaris (SIAM J. Sci. Comput. 2021) find that
those of the boundary's loss are near zero in most layers of a PINN that stalls, and those of the
residual's loss are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pinn_core.checks import at_least
from pinn_core.engine.stack import Stack
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots


@PROBES.register("layer_gradients")
@dataclass(frozen=True, kw_only=True)
class LayerGradients(Probe):
    """Length of every loss term's gradient in the weights of every layer, on the step's points.

    When to use: To see in which layers a term's gradient vanishes while a run stalls.
    """

    every: int = 20
    """It is recorded in every so many steps; 0 is never."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """A list for each term, the layer next to the inputs first."""
        layers = len(setup.disc.stack.places())
        return {
            term.name: Column(f"length of the gradient of loss/{term.name}, by layer", layers)
            for term in setup.terms
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """A pass over the parameters for each term; three are assumed."""
        return ProbeCost(flops=3.0 * 2.0 * stack.size, numbers=3 * stack.size)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the step's gradients."""
        disc = moment.setup.disc
        weights = [weights for weights, _ in disc.stack.places()]
        lengths = {}
        for term in moment.setup.terms:
            gradient = moment.evaluation.terms[term.name].gradient
            layers = [gradient[:, place].contiguous() for place in weights]
            squares = [dots([layer], [layer], disc.backend)[0] for layer in layers]
            lengths[term.name] = torch.stack(squares, dim=1).sqrt().squeeze(1)
        return lengths
