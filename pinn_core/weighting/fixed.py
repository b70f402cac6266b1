"""Weights that stay as the objective gives them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pinn_core.weighting.weighting import WEIGHTINGS


@WEIGHTINGS.register("fixed")
@dataclass(frozen=True, kw_only=True)
class Fixed:
    """The objective's own weights (``lambda_b`` on the boundary) throughout the run."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
