"""What a weighting is: the rule that sets the weights of an objective's loss terms."""

from typing import ClassVar, Protocol, runtime_checkable

from pinn_core.registry import Registry


@runtime_checkable
class Weighting(Protocol):
    """The contract of every file in this folder; a frozen dataclass whose fields are its knobs."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]]


WEIGHTINGS: Registry[Weighting] = Registry("weighting")
