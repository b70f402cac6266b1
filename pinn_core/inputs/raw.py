"""The coordinates as they are."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pinn_core.inputs.inputs import INPUTS
from pinn_core.problems import Problem


@INPUTS.register("raw")
@dataclass(frozen=True, kw_only=True)
class Raw:
    """No features."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def features(self, problem: Problem) -> None:
        """None."""
