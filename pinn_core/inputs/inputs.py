"""What an input is: the functions of the coordinates that a network is given."""

from typing import ClassVar, Protocol, runtime_checkable

from pinn_core.engine.features import Features
from pinn_core.problems import Problem
from pinn_core.registry import Registry

MOST_FEATURES = 100_000
"""Features that any input may have."""


@runtime_checkable
class Inputs(Protocol):
    """The contract of every file in this folder: a frozen dataclass of hyperparameters."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]

    def features(self, problem: Problem) -> Features | None:
        """The features of a problem's coordinates; None means the coordinates as they are.

        Raises ``ValueError`` where the problem does not have what they are made of.
        """


INPUTS: Registry[Inputs] = Registry("inputs")
