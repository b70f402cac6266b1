"""What a pack's training leaves behind: one row per step and member, as the configuration asks."""

import time
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.field import Cloud, Field
from pinn_core.objectives import Evaluation
from pinn_core.objectives.objective import boundary_term, mean_square, residual_term
from pinn_core.sketch import Sketch
from pinn_core.trajectory import COLUMNS, SKETCH_SIZE

NAN = float("nan")
FULL = ("loss/residual", "loss/boundary", "loss/regression", "error/relative_l2")


class Recorder:
    """Collects the rows of every member on the device; nothing here waits for the device.

    ``tables`` maps every column to (steps + 1, m), NaN where nothing was due; ``sketches`` has the
    shape (due sketches, m, 512).
    """

    def __init__(self, field: Field, configuration: Configuration, members: int) -> None:
        self.field = field
        self.record = configuration.record
        self.objective = configuration.objective
        self.full_batch = self.objective.batch == "full"
        self.members = members
        like = field.interior.coordinates
        rows = configuration.steps + 1
        self.tables = {name: like.new_full((rows, members), NAN) for name in COLUMNS}
        every = self.record.sketch_every
        due = (rows - 1) // every + 1 if every else 0
        self.sketches = torch.full((due, members, SKETCH_SIZE), NAN, device=like.device)
        self._sketch = Sketch(field.stack.size, field.device)
        self._choose_points()
        self._clock = time.perf_counter()

    def _choose_points(self) -> None:
        """Points for the losses of every step, and interior points for due gradients."""
        field, record = self.field, self.record
        share = len(field.interior) / len(field.grid)
        self._share = share
        self._gradient_points = field.interior.thinned(record.gradient_points, "gradient")
        self._residual_is_free = False
        if self.full_batch:
            batch = self.objective.batch_at(field, [], 0)
            self._residual_is_free = "interior" in batch
            self._interior = batch.get("interior", field.interior)
            self._supervised = batch.get("supervised", field.supervised)
        else:
            inside = min(max(round(share * record.points), 1), record.points - 1)
            self._interior = field.interior.thinned(inside, "watched")
            self._supervised = field.supervised.thinned(record.points - inside, "watched")

    def row(
        self,
        step: int,
        parameters: Float[Tensor, "m p"],
        initial: Float[Tensor, "m p"],
        evaluation: Evaluation,
        weights: Mapping[str, Float[Tensor, " m"]],
    ) -> None:
        """Record everything that describes the parameters of row ``step``."""
        now = parameters.detach()
        row = {
            "loss/batch": weighted_loss(evaluation, weights),
            "update/distance": _length(now - initial),
            **self._losses(now, evaluation),
            **self._gradients(step, parameters, evaluation),
        }
        if "boundary" in weights:
            row["weight/boundary"] = weights["boundary"]
        if all(f"loss/{name}" in row for name in weights):
            parts = [weight * row[f"loss/{name}"] for name, weight in weights.items()]
            row["loss/total"] = torch.stack(parts).sum(0)
        if _due(step, self.record.full_every):
            row |= self._full(now, row)
        for column, values in row.items():
            self.tables[column][step] = values
        if _due(step, self.record.sketch_every):
            self.sketches[step // self.record.sketch_every] = self._sketch(now)

    def update(
        self, step: int, update: Float[Tensor, "m p"], previous: Float[Tensor, "m p"]
    ) -> None:
        """Record the update that leaves row ``step``; ``previous`` is the one that led there."""
        self.tables["update/norm"][step] = _length(update)
        if step > 0:
            self.tables["update/cosine"][step] = _cosine(update, previous)
        now = time.perf_counter()
        self.tables["time/step_seconds"][step] = (now - self._clock) / self.members
        self._clock = now

    def _losses(self, parameters: Tensor, evaluation: Evaluation) -> dict[str, Tensor]:
        """Losses that need values alone, on the watched points."""
        if not self.full_batch:
            watched = self._interior.joined(self._supervised)
            values = {"grid": self.field.values(parameters, watched)}
        else:
            values = dict(evaluation.values)
        if "grid" in values:
            inside, outside = values["grid"].split(
                [len(self._interior), len(self._supervised)], dim=1
            )
        else:
            inside, outside = values["interior"], values["supervised"]
        return self._judge(inside, outside, self._interior, self._supervised)

    def _judge(
        self, inside: Tensor, outside: Tensor, interior: Cloud, supervised: Cloud
    ) -> dict[str, Tensor]:
        """Losses over the grid from values at points, weighted by the grid's proportion."""

        def over_grid(inner: Tensor, outer: Tensor) -> Tensor:
            return self._share * mean_square(inner) + (1 - self._share) * mean_square(outer)

        error = over_grid(inside - interior.exact, outside - supervised.exact)
        return {
            "loss/boundary": mean_square(outside - supervised.target),
            "loss/regression": over_grid(
                inside - interior.reference, outside - supervised.reference
            ),
            "error/relative_l2": (error / over_grid(interior.exact, supervised.exact)).sqrt(),
        }

    def _gradients(
        self, step: int, parameters: Tensor, evaluation: Evaluation
    ) -> dict[str, Tensor]:
        """The residual's loss and both gradients: free on a full PINN batch, else when due."""
        terms = evaluation.terms
        if self._residual_is_free:
            residual, boundary = terms["residual"], terms["boundary"]
        elif _due(step, self.record.gradients_every):
            residual, _ = residual_term(self.field, parameters, self._gradient_points)
            boundary, _ = boundary_term(self.field, parameters, self.field.supervised)
        else:
            return {}
        return {
            "loss/residual": residual.loss,
            "gradient/cosine": _cosine(residual.gradient, boundary.gradient),
            "gradient/norm_residual": _length(residual.gradient),
            "gradient/norm_boundary": _length(boundary.gradient),
        }

    def _full(self, parameters: Tensor, row: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses on the whole grid; taken from the row where its points are the whole grid."""
        field = self.field
        whole = len(self._interior) == len(field.interior)
        if self._residual_is_free and whole:
            exact = {name: row[name] for name in FULL}
        else:
            inside, residual = field.residual(parameters, field.interior)
            outside = field.values(parameters, field.supervised)
            exact = self._judge(inside, outside, field.interior, field.supervised)
            exact["loss/residual"] = mean_square(residual)
        return {f"full/{name}": values for name, values in exact.items()}


def weighted_loss(
    evaluation: Evaluation, weights: Mapping[str, Float[Tensor, " m"]]
) -> Float[Tensor, " m"]:
    """What is optimised: the weighted sum of the terms."""
    return torch.stack([weights[name] * term.loss for name, term in evaluation.terms.items()]).sum(
        0
    )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _length(rows: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return length


def _cosine(left: Tensor, right: Tensor) -> Tensor:
    return (left * right).sum(1) / (_length(left) * _length(right))
