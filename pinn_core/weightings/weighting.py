"""What a weighting is: the rule that sets the weights of an objective's loss terms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float

from pinn_core.parts import Family, Part
from pinn_core.problems import Problem
from pinn_core.tensors import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class View:
    """What a weighting sees of a pack after an update, on the batch that the update was made of.

    ``losses`` and ``gradients`` are those of the unweighted terms, in the order of ``names``; the
    residual is the first. ``matrices`` and ``biases`` are the places of the layers' weights and
    biases in the parameters, from first to output layer (a gated network's encoders are neither).
    ``size`` is the number of parameters: what the gradients have beyond is padding, which is zero.
    A weighting that does not evaluate sees NaN for losses, and no gradients.
    """

    names: tuple[str, ...]
    losses: Float[Tensor, "t m"]
    gradients: Sequence[Float[Tensor, "m p"]]
    weights: Float[Tensor, "t m"]
    matrices: Sequence[slice]
    biases: Sequence[slice]
    size: int
    traces: Callable[[int | None], Float[Tensor, "t m"]]
    """Traces of the neural tangent kernel's diagonal blocks, one per term: the sum over the term's
    quantities of the squared length of their gradient by all parameters. Exact for None, else
    estimated with so many random probes (Hutchinson)."""
    seeds: Sequence[int] = ()
    """The members' seeds: with ``step`` what a random choice is drawn by (pinn_core.randomness)."""
    step: int = 0
    """The row that the update has left."""


class Weighting(Part):
    """The base of every weighting: a frozen dataclass whose fields are its hyperparameters.

    Nothing in it may make one member's numbers depend on another's.
    """

    adaptive: ClassVar[bool] = True
    """Whether it may change the terms' weights, the residual's among them."""
    evaluates: ClassVar[bool] = True
    """Whether ``update`` looks at an evaluation, made after the step; else the view has none."""
    weighs_points: ClassVar[bool] = False
    """Whether ``factors`` gives any."""

    climbs: ClassVar[bool] = False
    """Whether its weights are trained to raise the loss, which then has no lowest value."""

    def check(self, problem: Problem, batch: int | str, resampled: bool) -> None:
        """Raise ``ValueError`` where the problem or the way its points are drawn cannot serve."""
        return

    def start(self, sizes: Mapping[str, int], weights: Float[Tensor, "t m"]) -> State:
        """The state before the first step: named tensors with a leading m, which are checkpointed.

        ``sizes`` are the points of every term's batch, ``weights`` those the objective gives.
        """
        return {}

    def first(self, weights: Float[Tensor, "t m"], step: int) -> Float[Tensor, "t m"]:
        """The terms' weights at the step at which it starts, from those of the objective."""
        return weights

    def due(self, step: int) -> bool:
        """Whether the terms' weights are set anew after the update that leaves row ``step``."""
        return False

    def update(self, state: State, view: View) -> Float[Tensor, "t m"]:
        """The terms' weights from now on; may change ``state``."""
        return view.weights

    def factors(
        self,
        state: State,
        name: str,
        squares: Float[Tensor, "m n"],
        points: Float[Tensor, "#m n d"],
        problem: Problem,
    ) -> Float[Tensor, "m n"] | None:
        """Factors of the squared mismatches at a term's points in this step; None means ones.

        Called once a step and term, before the term's gradient is made; may change ``state``.
        """
        return None


WEIGHTINGS: Family[type[Weighting]] = Family("weighting", Weighting)
