"""Weights that stay as the objective gives them."""

from dataclasses import dataclass
from typing import Any, ClassVar

from pinn_core.weightings.weighting import WEIGHTINGS, Weighting


@WEIGHTINGS.register("fixed")
@dataclass(frozen=True, kw_only=True)
class Fixed(Weighting):
    """The objective's own weights (``lambda_b`` on the conditions) throughout the run."""

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset()
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
