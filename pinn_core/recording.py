"""What a pack's training leaves behind: one row per step and member, as the configuration asks."""

import time
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.field import Cloud, Field
from pinn_core.objectives import Evaluation, Term
from pinn_core.objectives.objective import fit_term, mean_square, residual_term
from pinn_core.rows import dots
from pinn_core.sketch import Sketch
from pinn_core.trajectory import COLUMNS, SKETCH_SIZE

NAN = float("nan")
JUDGED = ("loss/boundary", "loss/regression", "error/relative_l2")
UPDATED = ("update/norm", "update/cosine")
CLOCK = "time/step_seconds"
DESCRIBED = tuple(name for name in COLUMNS if name not in (*UPDATED, CLOCK))

Weights = Mapping[str, Float[Tensor, "m 1"]]
"""Weight of each term, by its name."""


class Recorder:
    """Collects the rows of every member on the device; nothing here waits for the device.

    ``states`` (steps + 1, columns, m) describes the parameters of each row, in the order of
    ``DESCRIBED``, ``updates`` (steps + 1, 2, m) the update that leaves it, NaN where nothing was
    due; ``sketches`` has the shape (due sketches, m, 512), ``seconds`` one number for each row.
    """

    def __init__(self, field: Field, configuration: Configuration, members: int) -> None:
        self.field = field
        self.record = configuration.record
        self.objective = configuration.objective
        self.members = members
        like = field.interior.coordinates
        rows = configuration.steps + 1
        double = like.new_full((), NAN, dtype=torch.float64)
        self.states = double.expand(rows, len(DESCRIBED), members).clone()
        self.updates = double.expand(rows, len(UPDATED), members).clone()
        self.seconds = torch.full((rows,), NAN, dtype=torch.float64)
        every = self.record.sketch_every
        due = (rows - 1) // every + 1 if every else 0
        self.sketches = torch.full((due, members, SKETCH_SIZE), NAN, device=like.device)
        self._sketch = Sketch(field.stack.size, field.device)
        self._nothing = like.new_full((members,), NAN)
        self._choose_points()
        self._clock = time.perf_counter()

    def _choose_points(self) -> None:
        """Points for the losses of every step, and interior points for due gradients."""
        field, record = self.field, self.record
        share = len(field.interior) / len(field.grid)
        self._gradient_points = field.interior.thinned(record.gradient_points, "gradient")
        self._residual_is_free = False
        self._watched = None
        if self.objective.batch == "full":
            batch = self.objective.batch_at(field, [], 0)
            self._residual_is_free = "interior" in batch
            interior = batch.get("interior", field.interior)
            supervised = batch.get("supervised", field.supervised)
        else:
            inside = min(max(round(share * record.points), 1), record.points - 1)
            interior = field.interior.thinned(inside, "watched")
            supervised = field.supervised.thinned(record.points - inside, "watched")
            self._watched = interior.joined(supervised)
        self._whole = len(interior) == len(field.interior)
        self._judge = Judge(share, interior, supervised)
        self._judge_grid = Judge(share, field.interior, field.supervised)

    def due(self, step: int) -> frozenset[str]:
        """What this row has besides what every row has: gradients, full, sketch."""
        every = {
            "gradients": 0 if self._residual_is_free else self.record.gradients_every,
            "full": self.record.full_every,
            "sketch": self.record.sketch_every,
        }
        return frozenset(name for name, n in every.items() if n > 0 and step % n == 0)

    def state(
        self,
        row: Int[Tensor, "1"],
        due: frozenset[str],
        parameters: Float[Tensor, "m p"],
        initial: Float[Tensor, "m p"],
        evaluation: Evaluation,
        weights: Weights,
    ) -> None:
        """Record everything that describes the parameters of a row."""
        values = self._losses(parameters, evaluation)
        values["loss/batch"] = weighted_loss(evaluation, weights)
        away, backend = parameters - initial, self.field.backend
        terms = self._terms(due, parameters, evaluation)
        if terms:
            values["loss/residual"] = terms[0].loss
            residual, boundary = terms[0].gradient, terms[1].gradient
            products = dots(
                [away, residual, boundary, residual], [away, residual, boundary, boundary], backend
            )
            lengths = products[:3].sqrt()
            values["gradient/norm_residual"], values["gradient/norm_boundary"] = lengths[1:]
            values["gradient/cosine"] = products[3] / (lengths[1] * lengths[2])
            values["update/distance"] = lengths[0]
        else:
            values["update/distance"] = dots([away], [away], backend)[0].sqrt()
        if "boundary" in weights:
            values["weight/boundary"] = weights["boundary"][:, 0]
        if all(f"loss/{name}" in values for name in weights):
            losses = {name: values[f"loss/{name}"] for name in weights}
            values["loss/total"] = weighted_sum(losses, weights)
        if "full" in due:
            values |= self._full(parameters, values)
        columns = torch.stack([values.get(name, self._nothing) for name in DESCRIBED])
        self.states.index_copy_(0, row, columns[None].double())
        if "sketch" in due:
            self.sketches.index_copy_(
                0, row // self.record.sketch_every, self._sketch(parameters)[None]
            )

    def update(
        self,
        row: Int[Tensor, "1"],
        update: Float[Tensor, "m p"],
        previous: Float[Tensor, "m p"],
    ) -> None:
        """Record the update that leaves a row; ``previous`` is the one that led there, or zero."""
        backend = self.field.backend
        products = dots([update, update, previous], [update, previous, previous], backend)
        length = products[0].sqrt()
        columns = torch.stack([length, products[1] / (length * products[2].sqrt())])
        self.updates.index_copy_(0, row, columns[None])

    def clock(self, step: int) -> None:
        """Record the time since the last step."""
        now = time.perf_counter()
        self.seconds[step] = (now - self._clock) / self.members
        self._clock = now

    def finite(self, step: int) -> bool:
        """Whether any member's loss is finite in a row."""
        return bool(self.states[step, DESCRIBED.index("loss/batch")].isfinite().any())

    def tables(self) -> dict[str, Tensor]:
        """All that was recorded, by name."""
        return {
            "states": self.states,
            "updates": self.updates,
            "sketches": self.sketches,
            "seconds": self.seconds,
        }

    def columns(self, rows: int) -> dict[str, Float[ndarray, "rows m"]]:
        """Every column of ``COLUMNS`` up to a row, float64."""
        states = self.states[:rows].double().cpu().numpy()
        updates = self.updates[:rows].double().cpu().numpy()
        found = {name: states[:, i] for i, name in enumerate(DESCRIBED)}
        found |= {name: updates[:, i] for i, name in enumerate(UPDATED)}
        found[CLOCK] = np.tile(self.seconds[:rows, None].numpy(), (1, self.members))
        return {name: found[name] for name in COLUMNS}

    def _losses(self, parameters: Tensor, evaluation: Evaluation) -> dict[str, Tensor]:
        """Losses that need values alone, on the watched points."""
        if self._watched is not None:
            values = self.field.values(parameters, self._watched)
        else:
            values = torch.cat(list(evaluation.values.values()), dim=1)
        return self._judge(values)

    def _terms(
        self, due: frozenset[str], parameters: Tensor, evaluation: Evaluation
    ) -> tuple[Term, Term] | None:
        """Residual and boundary term: free on a full PINN batch, else when due."""
        if self._residual_is_free:
            return evaluation.terms["residual"], evaluation.terms["boundary"]
        if "gradients" not in due:
            return None
        supervised = self.field.supervised
        residual, _ = residual_term(self.field, parameters, self._gradient_points)
        boundary, _ = fit_term(self.field, parameters, supervised, supervised.target)
        return residual, boundary

    def _full(self, parameters: Tensor, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses on the whole grid; taken from the row where its points are the whole grid."""
        if self._residual_is_free and self._whole:
            names = ("loss/residual", *JUDGED)
            return {f"full/{name}": values[name] for name in names}
        field = self.field
        inside, residual = field.residual(parameters, field.interior)
        outside = field.values(parameters, field.supervised)
        losses = self._judge_grid(torch.cat([inside, outside], dim=1))
        losses["loss/residual"] = mean_square(residual)
        return {f"full/{name}": loss for name, loss in losses.items()}


class Judge:
    """Losses from values at interior and then supervised points, for which the grid's share counts.

    ``share`` is the interior's share of the grid.
    """

    def __init__(self, share: float, interior: Cloud, supervised: Cloud) -> None:
        def both(inner: Tensor, outer: Tensor) -> Tensor:
            return torch.cat([inner, outer], dim=1).flatten(1)

        inside, outside = torch.zeros_like(interior.exact), torch.ones_like(supervised.exact)
        boundary = both(inside, outside / len(supervised))
        grid = both(inside + share / len(interior), outside * (1 - share) / len(supervised))
        exact = both(interior.exact, supervised.exact)
        targets = [
            both(inside, supervised.target),
            both(interior.reference, supervised.reference),
            exact,
        ]
        self._targets = torch.cat(targets)
        self._weights = torch.cat([boundary, grid, grid / (grid * exact.square()).sum()])

    def __call__(self, values: Float[Tensor, "m n k"]) -> dict[str, Float[Tensor, " m"]]:
        """Mean squares from target and reference, and the relative L2 error, by column."""
        squares = (values.flatten(1)[:, None] - self._targets).square_()
        boundary, regression, error = squares.mul_(self._weights).sum(2).unbind(1)
        return {
            "loss/boundary": boundary,
            "loss/regression": regression,
            "error/relative_l2": error.sqrt(),
        }


def weighted_loss(evaluation: Evaluation, weights: Weights) -> Float[Tensor, " m"]:
    """What is optimised: the weighted sum of the terms."""
    return weighted_sum({name: term.loss for name, term in evaluation.terms.items()}, weights)


def weighted_sum(
    losses: Mapping[str, Float[Tensor, " m"]], weights: Weights
) -> Float[Tensor, " m"]:
    """Losses times weights, added in order."""
    first, *others = losses
    total = weights[first][:, 0] * losses[first]
    for name in others:
        total = total + weights[name][:, 0] * losses[name]
    return total
