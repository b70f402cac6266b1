"""What a pack's training leaves behind: one row per step and member, as the configuration asks."""

import time
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.discretization.discretization import Cloud, Field
from pinn_core.objectives import Evaluation, Term
from pinn_core.objectives.terms import condition_term, residual_term
from pinn_core.probes import Landscape, keeps_pairs
from pinn_core.probes.sketch import Sketch
from pinn_core.records.trajectory import CONFLICT, SKETCH_SIZE, columns
from pinn_core.training.work import Work, work_columns
from pinn_core.vectors.rows import dots
from pinn_core.vectors.squares import misfit, weighted_squares

NAN = float("nan")


class Recorder:
    """Collects sums for every row and member on the device; nothing here waits for the device.

    ``tables`` holds for each kind of sums a table (steps + 1, numbers, m) in float64, NaN where
    nothing was due: ``always``, ``gradients`` (inner products, and losses that need derivatives)
    and ``full`` (on the whole grid); ``sums`` names them. Columns are made of them after the
    training (``unpacking``). ``sketches`` has the shape (due sketches, m, 512). ``past`` (2, 2,
    m + 1) holds what ``keep`` added up, on the watched points and on the whole grid.
    """

    def __init__(self, field: Field, configuration: Configuration, members: int) -> None:
        self.record = configuration.record
        self.objective = configuration.objective
        self.members = members
        self.past: Tensor | None = None
        self.enter(field)
        self.terms = list(self.objective.weights(field))
        self.conditions = list(field.problem.conditions)
        self.columns = [
            *columns(self.conditions, configuration.weighting.kind != "fixed"),
            *work_columns(configuration.phases),
        ]
        self.names = self._names()
        if configuration.looks_at_conflicts:
            self.columns += CONFLICT
            self.names["conflict"] = [*CONFLICT]
        rows = configuration.steps + 1
        self.tables = {
            table: self._empty(rows, len(names), members) for table, names in self.names.items()
        }
        self.seconds = torch.full((rows,), NAN, dtype=torch.float64)
        every = self.record.sketch_every
        due = (rows - 1) // every + 1 if every else 0
        self.sketches = self._empty(due, members, SKETCH_SIZE).float()
        self._sketch = Sketch(field.size, field.device)
        self.work = Work(configuration.phases, rows, members, field.device)
        self.landscape = Landscape(
            field,
            self.record,
            self.terms,
            self._gradient_points,
            rows,
            members,
            keeps_pairs(configuration.phases),
        )
        self._nothing = self._empty(2 * members)
        self._clock = time.perf_counter()

    def enter(self, field: Field) -> None:
        """Judge by this field from now on, together with what was kept."""
        self.field = field
        self._choose_points()

    def enter_landscape(self) -> None:
        """Record the landscape of the field's losses, whose demands are now known."""
        self.landscape.enter(self.field, self._gradient_points)

    def keep(self, parameters: Float[Tensor, "m p"]) -> None:
        """Judge these solutions of the field together with those that follow."""
        judges = (self._judge, self._judge_grid)
        self.past = torch.stack([judge.totals(self.field, parameters) for judge in judges])

    def _empty(self, *shape: int) -> Tensor:
        return torch.full(shape, NAN, dtype=torch.float64, device=self.field.device)

    def _names(self) -> dict[str, list[str]]:
        """What the numbers of every table are."""
        judged = [*self._judge.conditions, "regression", "error"]
        others = [name for name in self.field.conditions if name not in self._judge.conditions]
        norms = [f"gradient/{name}" for name in self.field.conditions] if self._several else []
        return {
            "always": [
                *(f"term/{name}" for name in self.terms),
                *(f"weight/{name}" for name in self.terms),
                *judged,
                *("away", "update", "turn"),
            ],
            "gradients": [
                *("gradient/residual", "gradient/conditions", "gradient/both"),
                *norms,
                *("residual", *others),
            ],
            "full": [f"full/{name}" for name in (*judged, "residual", *others)],
        }

    @property
    def _several(self) -> bool:
        return len(self.field.conditions) > 1

    def _choose_points(self) -> None:
        """Points for the losses of every step, and interior points for due gradients."""
        field, record = self.field, self.record
        share = len(field.interior) / len(field.grid)
        self._gradient_points = field.interior.thinned(record.gradient_points, "gradient")
        self.residual_is_free = False
        self._watched = None
        if self.objective.batch == "full":
            batch = self.objective.batches(field, []).at(0)
            self.residual_is_free = "interior" in batch
            interior, supervised = batch.get("interior", field.interior), field.supervised
        else:
            inside = min(max(round(share * record.points), 1), record.points - 1)
            interior = field.interior.thinned(inside, "watched")
            supervised = field.supervised.thinned(record.points - inside, "watched")
            self._watched = interior.joined(supervised)
        every_point = field.problem.interior_points == "all"
        self.full_is_free = self.residual_is_free and every_point
        self._judged_cloud = interior.joined(supervised)
        past = [None, None] if self.past is None else self.past
        self._judge = Judge(field, interior, supervised, past[0])
        self._judge_grid = Judge(field, field.interior, field.supervised, past[1])

    def due(self, step: int) -> frozenset[str]:
        """What this row has besides what every row has: gradients, full, sketch."""
        every = {
            "gradients": 1 if self.residual_is_free else self.record.gradients_every,
            "full": 0 if self.full_is_free else self.record.full_every,
            "sketch": self.record.sketch_every,
        }
        return frozenset(name for name, n in every.items() if n > 0 and step % n == 0)

    def state(
        self,
        row: Int[Tensor, "1"],
        due: frozenset[str],
        parameters: Float[Tensor, "m p"],
        away: Float[Tensor, "m p"],
        evaluation: Evaluation,
        weights: Float[Tensor, "t m"],
        update: tuple[Tensor, Tensor] | None,
    ) -> None:
        """Record a row: its parameters, how far they are away from the first, their evaluation.

        ``update`` are the updates (m, P) out of and into the row, None for the last row.
        """
        pairs = [(away, away)]
        if update:
            pairs += [(update[0], update[0]), update]
        losses = None
        if "gradients" in due:
            residual, conditions = self._conflict(parameters, evaluation)
            inner, outer = residual.gradient, self._together(residual, conditions)
            pairs += [(inner, inner), (outer, outer), (inner, outer)]
            if self._several:
                pairs += [(term.gradient, term.gradient) for term in conditions.values()]
            losses = [residual.loss, *self._others(conditions)]
        left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        products = dots(left, right, self.field.backend).view(-1)
        moved = (3 if update else 1) * self.members
        always = [term.loss for term in evaluation.terms.values()]
        always += [weights.view(-1), self._judged(parameters, evaluation), products[:moved]]
        if not update:
            always.append(self._nothing)
        self._put("always", row, always)
        if losses is not None:
            self._put("gradients", row, [products[moved:], *losses])
        if "full" in due:
            self._put("full", row, self._full(parameters))
        if "sketch" in due:
            place = row // self.record.sketch_every
            self.sketches.index_copy_(0, place, self._sketch(parameters)[None])

    def conflict(self, row: Int[Tensor, "1"], numbers: Float[Tensor, "c m"]) -> None:
        """Record the conflicts of the step that leaves a row."""
        self._put("conflict", row, [numbers])

    def _put(self, name: str, row: Tensor, numbers: list[Tensor]) -> None:
        table = self.tables[name]
        table.index_copy_(0, row, torch.cat(numbers).view(1, *table.shape[1:]))

    def clock(self, step: int) -> None:
        """Record the time since the last step."""
        now = time.perf_counter()
        self.seconds[step] = (now - self._clock) / self.members
        self._clock = now

    def finite(self, step: int) -> bool:
        """Whether any member's losses are finite in a row."""
        losses = self.tables["always"][step, : len(self.terms)]
        return bool(losses.isfinite().all(0).any())

    def forget_update(self, step: int, members: Sequence[int]) -> None:
        """Of some members: no update leaves this row, which is their last."""
        for name in ("update", "turn"):
            place = self.names["always"].index(name)
            self.tables["always"][step, place, list(members)] = NAN
        if "conflict" in self.tables:
            self.tables["conflict"][step, :, list(members)] = NAN

    def shrink(self, rows: Int[Tensor, " k"]) -> None:
        """Go on with the members in these rows; what was recorded of the others is gone."""
        self.members = len(rows)
        self.tables = {name: t.index_select(2, rows) for name, t in self.tables.items()}
        self.sketches = self.sketches.index_select(1, rows)
        self._nothing = self._empty(2 * self.members)
        if self.past is not None:
            last = rows.new_tensor([self.past.shape[2] - 1])
            self.past = self.past.index_select(2, torch.cat([rows, last]))
        self.enter(self.field)
        self.work.shrink(rows)
        self.landscape.shrink(rows)
        self.enter_landscape()

    def state_tensors(self) -> dict[str, Tensor]:
        """All that was recorded, by name."""
        known = {**self.tables, "sketches": self.sketches, "seconds": self.seconds}
        known["work"] = self.work.table
        return {**known, **{f"landscape/{n}": t for n, t in self.landscape.tables.items()}}

    def sums(self, rows: int) -> dict[str, Float[ndarray, "rows m"]]:
        """The tables' numbers by name, up to a row."""
        return {
            name: self.tables[table][:rows, place].cpu().numpy()
            for table, own in self.names.items()
            for place, name in enumerate(own)
        }

    def _judged(self, parameters: Tensor, evaluation: Evaluation) -> Tensor:
        """Losses that need values alone, on the watched points."""
        if self._watched is not None:
            values = self.field.values(parameters, self._watched)
            return self._verdict(self._judge, parameters, self._watched, values)
        parts = dict(evaluation.values)
        if "interior" in parts and not self.field.one_plain_condition:
            outside = self.field.values(parameters, self.field.supervised)
            parts = {"interior": parts["interior"], "supervised": outside}
        values = torch.cat(list(parts.values()), dim=1)
        return self._verdict(self._judge, parameters, self._judged_cloud, values)

    def _verdict(self, judge: "Judge", parameters: Tensor, cloud: Cloud, values: Tensor) -> Tensor:
        if not self.field.judged:
            return judge(values)
        return judge(values, self.field.judged_values(parameters, cloud))

    def _conflict(
        self, parameters: Tensor, evaluation: Evaluation
    ) -> tuple[Term, Mapping[str, Term]]:
        """The terms of the equation and of the conditions: free on a full PINN batch."""
        if self.residual_is_free:
            terms = dict(evaluation.terms)
            return terms.pop("residual"), terms
        residual, _ = residual_term(self.field, parameters, self._gradient_points)
        return residual, self._condition_terms(parameters)

    def _condition_terms(self, parameters: Tensor) -> dict[str, Term]:
        demands = self.field.demands.items()
        return {n: condition_term(self.field, parameters, n, cloud)[0] for n, cloud in demands}

    def _together(self, residual: Term, conditions: Mapping[str, Term]) -> Tensor:
        """Gradient of the conditions' unweighted sum."""
        first, *others = [term.gradient for term in conditions.values()] or [
            torch.zeros_like(residual.gradient)
        ]
        for other in others:
            first = first + other
        return first

    def _others(self, conditions: Mapping[str, Term]) -> list[Tensor]:
        """Losses of the conditions that values alone do not give."""
        return [
            term.loss for name, term in conditions.items() if name not in self._judge.conditions
        ]

    def _full(self, parameters: Tensor) -> list[Tensor]:
        field = self.field
        inside, residual = field.residual(parameters, field.interior)
        outside = field.values(parameters, field.supervised)
        loss, _ = misfit(residual, torch.zeros_like(residual[:1]), field.backend)
        values = torch.cat([inside, outside], dim=1)
        judged = self._verdict(self._judge_grid, parameters, field.grid, values)
        return [judged, loss, *self._others(self._condition_terms(parameters))]


class Judge:
    """Sums from values at interior and then supervised points, flat (numbers m).

    For each of ``conditions`` (those on values alone) its loss; then the mean square from the
    reference and the squared relative L2 error. The interior counts by its share of the grid,
    whatever its share of the points. What is not known (NaN) is not judged, and a solution of
    which nothing is known gives NaN. With a ``past`` (2, m + 1), the ``totals`` of an earlier
    field, the last two are those of both fields together.
    """

    def __init__(
        self, field: Field, interior: Cloud, supervised: Cloud, past: Tensor | None = None
    ) -> None:
        def both(inner: Tensor, outer: Tensor) -> Tensor:
            return torch.cat([inner, outer], dim=1).flatten(1)

        share = len(field.interior) / len(field.grid)
        self.conditions = [
            name.removeprefix("target/") for name in supervised.tables if "target/" in name
        ]
        exact = both(interior["exact"], supervised["exact"])
        reference = both(interior["reference"], supervised["reference"])
        inside, outside = torch.zeros_like(interior["exact"]), torch.ones_like(supervised["exact"])
        grid = both(inside + share / len(interior), outside * (1 - share) / len(supervised))
        known, learnt = (grid * (~table.isnan()).to(grid.dtype) for table in (exact, reference))
        learnt = learnt / (learnt.sum() > 0)  # nothing known: NaN, which no loss is
        exact, reference = exact.nan_to_num(), reference.nan_to_num()
        size = (known * exact.square()).sum()
        targets = [both(inside, supervised[f"target/{name}"]) for name in self.conditions]
        weights = [
            both(inside, supervised[f"share/{name}"] / len(supervised)) for name in self.conditions
        ]
        self._backend = field.backend
        self._clouds = (interior, supervised)
        self._targets = torch.cat([*targets, reference, exact])
        self._weights = torch.cat([*weights, learnt, known / size])
        components = exact.shape[1] // (len(interior) + len(supervised))
        judged = learnt.view(-1, components).amax(1).sum()
        self._scale = len(field.grid) * torch.stack([torch.ones_like(size), size]).double()[:, None]
        self._mass = len(field.grid) * torch.stack([judged, size]).double()[:, None]
        self._past = past

    def __call__(
        self, values: Float[Tensor, "m n k"], errors: Float[Tensor, "m n q"] | None = None
    ) -> Float[Tensor, " _"]:
        """Judge every member's values; the error by ``errors`` where it is not theirs."""
        found = self._squares(values, errors)
        if self._past is not None:
            both = self._summed(found)
            found[-2:] = both[:, :-1] / both[:, -1:]
        return found.view(-1)

    def _squares(self, values: Tensor, errors: Tensor | None) -> Float[Tensor, "t m"]:
        targets, weights = self._targets, self._weights
        if errors is None:
            return weighted_squares(values, targets, weights, self._backend)
        of_values = weighted_squares(values, targets[:-1], weights[:-1], self._backend)
        of_errors = weighted_squares(errors, targets[-1:], weights[-1:], self._backend)
        return torch.cat([of_values, of_errors])

    def totals(self, field: Field, parameters: Float[Tensor, "m p"]) -> Float[Tensor, "2 _"]:
        """Sums over the grid of both squared distances, for every member, and what to divide by."""
        values = torch.cat([field.values(parameters, cloud) for cloud in self._clouds], dim=1)
        return self._summed(self._squares(values, None))

    def _summed(self, found: Float[Tensor, "t m"]) -> Float[Tensor, "2 _"]:
        own = torch.cat([self._scale * found[-2:], self._mass], dim=1)
        return own if self._past is None else self._past + own
