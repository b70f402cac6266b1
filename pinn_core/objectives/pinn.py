"""The PINN objective: residual plus weighted mismatch on boundary and initial points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from pinn_core.checks import at_least
from pinn_core.field import Field
from pinn_core.objectives.objective import (
    OBJECTIVES,
    Batch,
    Evaluation,
    draw,
    fit_term,
    residual_term,
)


@OBJECTIVES.register("pinn")
@dataclass(frozen=True, kw_only=True)
class Pinn:
    """L = L_diff + lambda_b L_boundary (Raissi, Perdikaris, Karniadakis 2019).

    With ``reduction: mean`` both are means over their points, with ``sum`` sums over the grid's
    points, for which a batch or a subset stands. A ``batch`` of n draws interior and supervised
    points in the grid's proportion, anew each step; ``full`` takes all the problem's collocation
    and supervised points.
    """

    kind: ClassVar[str]
    member_fields: ClassVar[frozenset[str]] = frozenset({"lambda_b"})
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    lambda_b: float = 100.0
    batch: int | Literal["full"] = "full"
    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        at_least(0, lambda_b=self.lambda_b)
        if self.batch != "full":
            at_least(2, batch=self.batch)

    def weights(self, field: Field) -> Mapping[str, float]:
        """Residual 1 and boundary lambda_b; for sums times the grid's points of either kind."""
        if self.reduction == "mean":
            return {"residual": 1.0, "boundary": self.lambda_b}
        boundary = self.lambda_b * len(field.supervised)
        return {"residual": float(len(field.interior)), "boundary": boundary}

    def batch_at(self, field: Field, seeds: Sequence[int], step: int) -> Batch:
        """Interior and supervised points of this step."""
        if self.batch == "full":
            return {"interior": field.collocation, "supervised": field.supervised}
        whole = len(field.interior) + len(field.supervised)
        interior = round(self.batch * len(field.interior) / whole)
        interior = min(max(interior, 1), self.batch - 1)
        supervised = self.batch - interior
        return {
            "interior": draw(field.collocation, interior, seeds, "batch/interior", step),
            "supervised": draw(field.supervised, supervised, seeds, "batch/supervised", step),
        }

    def evaluate(self, field: Field, parameters: Float[Tensor, "m p"], batch: Batch) -> Evaluation:
        """Both terms; their points are disjoint, so two gradients cost what one would."""
        residual, inside = residual_term(field, parameters, batch["interior"])
        supervised = batch["supervised"]
        boundary, outside = fit_term(field, parameters, supervised, supervised.target)
        return Evaluation(
            {"residual": residual, "boundary": boundary},
            {"interior": inside, "supervised": outside},
        )
