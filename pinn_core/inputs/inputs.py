"""What an input is: the functions of the coordinates that a network is given."""

from abc import abstractmethod

from pinn_core.engine.features import Features
from pinn_core.parts import Family, Part
from pinn_core.problems import Problem

MOST_FEATURES = 100_000
"""Features that any input may have."""


class Inputs(Part):
    """The base of every kind of input: a frozen dataclass whose fields are its hyperparameters."""

    @abstractmethod
    def features(self, problem: Problem) -> Features | None:
        """The features of a problem's coordinates; None means the coordinates as they are.

        Raises ``ValueError`` where the problem does not have what they are made of.
        """


INPUTS: Family[type[Inputs]] = Family("inputs", Inputs, "inputs")
