"""What an aggregation is: the rule that makes one direction of the loss terms' gradients."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal

from jaxtyping import Float
from numpy import ndarray

from pinn_core.parts import Family, Part

Terms = Literal["each", "two"]
"""What counts as one term: each term of the objective, or the residual and all conditions' sum."""
Settings = Mapping[str, Float[ndarray, "m 1"]]


class Aggregation(Part):
    """The base of every aggregation: a frozen dataclass whose fields are its hyperparameters.

    The gradients are the terms' own times the weights of the run's weighting. The direction, which
    the optimizer is given in place of their sum, is a combination of them, whose weights depend on
    their inner products alone. Nothing in it may make one member's numbers depend on another's.
    """

    @property
    def terms(self) -> Terms:
        """What counts as one term."""
        return "each"

    @abstractmethod
    def weights(
        self,
        settings: Settings,
        gramian: Float[ndarray, "m t t"],
        seeds: Sequence[int],
        step: int,
    ) -> Float[ndarray, "m t"]:
        """The gradients' weights in the direction, from their inner products (finite, float64).

        ``settings`` holds every member field; ``seeds`` and ``step`` are what random numbers are
        drawn by. A gradient may be zero.
        """


AGGREGATIONS: Family[type[Aggregation]] = Family("aggregation", Aggregation)
