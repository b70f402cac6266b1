"""The coordinates as they are."""

from dataclasses import dataclass

from pinn_core.inputs.inputs import INPUTS, Inputs
from pinn_core.problems import Problem


@INPUTS.register("raw")
@dataclass(frozen=True, kw_only=True)
class Raw(Inputs):
    """No features.

    When to use: The default, and right for domains of about unit size.
    """

    def features(self, problem: Problem) -> None:
        """None."""
