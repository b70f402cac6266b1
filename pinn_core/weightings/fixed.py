"""Weights that stay as the objective gives them."""

from dataclasses import dataclass
from typing import ClassVar

from pinn_core.weightings.weighting import WEIGHTINGS, Weighting


@WEIGHTINGS.register("fixed")
@dataclass(frozen=True, kw_only=True)
class Fixed(Weighting):
    """The objective's own weights (``lambda_b`` on the conditions) throughout the run.

    When to use: The default: a search over ``objective.lambda_b`` is the honest baseline of every
    adaptive rule.
    """

    adaptive: ClassVar[bool] = False
