"""What a pack's training leaves behind: one row per step and member, as the configuration asks."""

import time
from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import held_out_points
from pinn_core.objectives import Evaluation, LossGradient, Term
from pinn_core.objectives.term import FIT
from pinn_core.probes import Landscape, Setup
from pinn_core.probes.sketch import Sketch
from pinn_core.records.trajectory import CONFLICT, OBSERVED, SKETCH_SIZE
from pinn_core.training.cadences import (
    cadences,
    full_is_free,
    gradients_are_free,
    problem_columns,
)
from pinn_core.training.error_metrics import ErrorMetrics
from pinn_core.training.probing import Probing
from pinn_core.training.snapshots import Snapshots
from pinn_core.training.state import State, Tensors
from pinn_core.training.work import Work, work_columns
from pinn_core.vectors.rows import dots
from pinn_core.vectors.squares import misfit

NAN = float("nan")


class Recorder:
    """Collects sums for every row and member on the device; nothing here waits for the device.

    What it collects is in the state, in float64 and NaN where nothing was due. ``State.sums`` has
    for each kind of sums a table (steps + 1, numbers, m): ``always``, ``gradients`` (inner
    products, and losses that need derivatives), ``full`` (on the whole grid), ``held_out``,
    ``conflict`` and ``work``; ``names`` names their numbers. ``State.samples`` has the sketches of
    the parameters (due sketches, m, 512) and the tables of the landscape. Columns are made of them
    after the training (``columns``).
    """

    def __init__(
        self,
        disc: Discretization,
        configuration: Configuration,
        members: Sequence[Configuration],
    ) -> None:
        self.record = configuration.record
        self.objective = configuration.objective
        self.cadences = cadences(configuration)
        self.full_is_free = full_is_free(configuration)
        self.gradients_are_free = gradients_are_free(configuration)
        self._choose_points(disc)
        self.terms = [term.name for term in self._terms]
        compared = [term.name for term in self._compared]
        self.others = list(dict.fromkeys([*disc.problem.conditions, *compared]))
        self.losses = [self._equation.name, *self.others, FIT]
        conditions = [name for name in self.others if name not in disc.observed_points]
        adaptive = configuration.weighting.adaptive
        self.columns = [
            *problem_columns(disc.problem, conditions, adaptive, [*disc.observed_points]),
            *work_columns(configuration.phases),
        ]
        self.names = self._names()
        if configuration.looks_at_conflicts:
            self.columns += CONFLICT
            self.names["conflict"] = [*CONFLICT]
        self._rows = configuration.steps + 1
        self._sketch = Sketch(disc.size, disc.device)
        self.work = Work(configuration.phases)
        self.landscape = Landscape(
            disc,
            self._terms,
            self.record.gradient_points,
            self.cadences,
        )
        self.probing = Probing(configuration, Setup(disc, self._terms))
        self.snapshots = Snapshots(members, disc.size, disc.device)
        self._clock = time.perf_counter()

    def sums(self, members: int) -> Tensors:
        """The tables with a row for every step, of so many members, before the first."""
        tables = {
            table: self._empty(self._rows, len(names), members)
            for table, names in self.names.items()
        }
        return {**tables, "work": self.work.start(self._rows, members, self.disc.device)}

    def samples(self, members: int) -> Tensors:
        """The tables with a row for every due step, of so many members, before the first."""
        due = len(self.cadences["sketch"].steps(self._rows))
        sketches = self._empty(due, members, SKETCH_SIZE).float()
        return {
            "sketch": sketches,
            **self.landscape.start(self._rows, members),
            **self.probing.start(self._rows, members, self.disc.device),
        }

    def seconds(self) -> Float[Tensor, " rows"]:
        """The wall times before the first step; on the CPU, where they are measured."""
        return torch.full((self._rows,), NAN, dtype=torch.float64)

    def enter(self, disc: Discretization) -> None:
        """Measure by this discretization from now on; its conditions have their targets."""
        self._choose_points(disc)
        self.landscape.enter(disc, self._terms)

    def keep(self, state: State) -> None:
        """Measure the errors of these solutions together with those that follow."""
        both_metrics = (self.metrics, self._grid_metrics)
        state.past = torch.stack(
            [
                metrics.totals(self.disc, state.parameters, self._past(state, number))
                for number, metrics in enumerate(both_metrics)
            ]
        )

    def _empty(self, *shape: int) -> Tensor:
        return torch.full(shape, NAN, dtype=torch.float64, device=self.disc.device)

    def _names(self) -> dict[str, list[str]]:
        """What the numbers of every table are."""
        conditions, distance = self.metrics.conditions, [OBSERVED] if self.disc.observations else []
        on_grid = [term.name for term in self._derived_on_grid]
        compared = [term.name for term in self._compared]
        derived = [self._equation.name, *self.derived]
        norms = [f"gradient/{name}" for name in compared] if self._several else []
        return {
            "always": [
                *(f"term/{name}" for name in self.terms),
                *(f"weight/{name}" for name in self.terms),
                *(*conditions, *distance, FIT, "error"),
                *("away", "update", "turn"),
                *(f"unknown/{name}" for name in self.disc.problem.unknowns),
            ],
            "gradients": [
                *("gradient/residual", "gradient/conditions", "gradient/both"),
                *norms,
                *derived,
            ],
            "full": [
                f"full/{name}"
                for name in (*conditions, FIT, "error", self._equation.name, *on_grid)
            ],
            "held_out": ["held_out/residual"],
        }

    @property
    def derived(self) -> list[str]:
        """Terms besides the equation's whose losses values alone do not give."""
        return [t.name for t in self._compared if t.name not in self.metrics.conditions]

    @property
    def _derived_on_grid(self) -> list[Term]:
        """Those of them that have a loss on the whole grid: observations have not."""
        seen = self.disc.observed_points
        return [t for t in self._compared if t.name in self.derived and t.name not in seen]

    @property
    def _several(self) -> bool:
        return len(self._compared) > 1

    def _choose_points(self, disc: Discretization) -> None:
        """Points for the losses of every step, and interior points for due gradients.

        ``sources`` are where the values of every step come from, side by side: point sets of the
        batch by name, or points at which only the record looks.
        """
        self.disc, record = disc, self.record
        self._terms = self.objective.terms(disc)
        self._equation, *self._compared = self.objective.compared_terms(disc)
        self._gradient_points = {
            term.name: term.recorded_points(disc, record.gradient_points)
            for term in (self._equation, *self._compared)
        }
        share = len(disc.interior) / len(disc.grid)
        self.sources: list[str | PointSet]
        observed = disc.observed_points
        if self.objective.batch == "full":
            batch = self.objective.batches(disc, []).at(0)
            interior = batch.get(self._equation.points, disc.interior)
            supervised = disc.supervised
            if self.objective.solves:
                known = disc.one_plain_condition
                outside = self._compared[0].points if known else supervised
                self.sources = [self._equation.points, outside, *observed]
            else:  # the batch is the grid
                self.sources = [term.points for term in self._terms]
        else:
            inside = min(max(round(share * record.points), 1), record.points - 1)
            interior = disc.interior.thinned(inside, "watched")
            supervised = disc.supervised.thinned(record.points - inside, "watched")
            self.sources = [_joined(interior, supervised, *observed.values())]
        self._held_out = held_out_points(disc, record.held_out_points)
        self._error_points = _joined(interior, supervised, *observed.values())
        self.metrics = ErrorMetrics(disc, interior, supervised, observed=bool(observed))
        self._grid_metrics = ErrorMetrics(disc, disc.interior, disc.supervised)

    def due(self, step: int) -> frozenset[str]:
        """What this row has besides what every row has: gradients, full, held_out, sketch."""
        return frozenset(kind for kind in self._measured if self.cadences[kind].due(step))

    @property
    def _measured(self) -> list[str]:
        """The kinds that are due now and then and not free."""
        full = [] if self.full_is_free else ["full"]
        held_out = [] if self._held_out is None else ["held_out"]
        return ["gradients", *full, *held_out, "sketch"]

    def next_due(self, step: int) -> int:
        """The first row after this one that has more than what every step gives for free."""
        rows = [
            self.cadences[kind].next(step)
            for kind in self._measured
            if not (kind == "gradients" and self.gradients_are_free)
        ]
        rare = (self.landscape, self.probing, self.snapshots)
        return min([*rows, *(each.next_due(step) for each in rare)])

    def record_row(
        self,
        state: State,
        row: Int[Tensor, "1"],
        due: frozenset[str],
        evaluation: Evaluation,
        update: Float[Tensor, "m p"] | None,
    ) -> None:
        """Record a row: the state's parameters, their evaluation, what the conditions ask for.

        ``update`` leads out of the row, None for the last row.
        """
        self.record_parameters(state, row, due)
        parameters, members = state.parameters, len(state.members)
        away = parameters - state.initial
        pairs = [(away, away)]
        if update is not None:
            pairs += [(update, update), (update, state.previous_update)]
        moved = self._products(pairs).view(-1)
        always = [term.loss for term in evaluation.terms.values()]
        always += [state.weights.view(-1), self._errors(state, evaluation), moved]
        if update is None:
            always.append(self._empty(2 * members))
        if self.disc.problem.unknowns:
            always.append(self.disc.unknowns(parameters).mT.flatten())
        _put(state.sums["always"], row, always)
        if self.gradients_are_free:
            compared = {term.name: evaluation.terms[term.name] for term in self._compared}
            equation = evaluation.terms[self._equation.name]
            _put(state.sums["gradients"], row, self._compared_gradients(equation, compared))

    def record_parameters(self, state: State, row: Int[Tensor, "1"], due: frozenset[str]) -> None:
        """Record what is due in a row and takes no more than its parameters."""
        parameters = state.parameters
        if "gradients" in due and not self.gradients_are_free:
            equation = self._evaluated(self._equation, parameters)
            numbers = self._compared_gradients(equation, self._evaluations(parameters))
            _put(state.sums["gradients"], row, numbers)
        if "full" in due:
            _put(state.sums["full"], row, self._full(state))
        if "held_out" in due and self._held_out is not None:
            residual = self.disc.residual(parameters, self._held_out)[1]
            loss, _ = misfit(residual, torch.zeros_like(residual[:1]), self.disc.backend)
            _put(state.sums["held_out"], row, [loss])
        if "sketch" in due:
            sample = row.div(self.cadences["sketch"].every, rounding_mode="floor")
            state.samples["sketch"].index_copy_(0, sample, self._sketch(parameters)[None])

    def _products(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Float[Tensor, "pairs m"]:
        left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return dots(left, right, self.disc.backend)

    def _compared_gradients(
        self, equation: LossGradient, compared: Mapping[str, LossGradient]
    ) -> list[Tensor]:
        """A row of ``gradients``: inner products of the terms' gradients, and losses."""
        inner, outer = equation.gradient, self._together(equation, compared)
        pairs = [(inner, inner), (outer, outer), (inner, outer)]
        if self._several:
            pairs += [(term.gradient, term.gradient) for term in compared.values()]
        products = self._products(pairs)
        return [products.view(-1), equation.loss, *self._derived(compared)]

    def record_conflict(
        self, state: State, row: Int[Tensor, "1"], numbers: Float[Tensor, "c m"]
    ) -> None:
        """Record the conflicts of the step that leaves a row."""
        _put(state.sums["conflict"], row, [numbers])

    def clock(self, state: State, step: int, count: int = 1) -> None:
        """Record the time since the last steps, of which these ``count`` have equal shares."""
        now = time.perf_counter()
        each = (now - self._clock) / (count * len(state.members))
        state.seconds[step : step + count] = each
        self._clock = now

    def finite(self, state: State, step: int) -> bool:
        """Whether any member's losses are finite in a row."""
        losses = state.sums["always"][step, : len(self.terms)]
        return bool(losses.isfinite().all(0).any())

    def forget_update(self, state: State, step: int, rows: Sequence[int]) -> None:
        """Of the members in these rows of the state: no update leaves this step, their last."""
        for name in ("update", "turn"):
            number = self.names["always"].index(name)
            state.sums["always"][step, number, list(rows)] = NAN
        if "conflict" in self.names:
            state.sums["conflict"][step, :, list(rows)] = NAN

    def numbers(self, state: State, rows: int) -> dict[str, Float[ndarray, "rows m"]]:
        """The numbers of the tables by name, up to a row."""
        return {
            name: state.sums[table][:rows, number].cpu().numpy()
            for table, names in self.names.items()
            for number, name in enumerate(names)
        }

    def _errors(self, state: State, evaluation: Evaluation) -> Tensor:
        """Losses that need values alone, on the error points."""
        parameters = state.parameters
        values = torch.cat(
            [
                evaluation.values[source]
                if isinstance(source, str)
                else self.disc.values(parameters, source)
                for source in self.sources
            ],
            dim=1,
        )
        return self._error_sums(
            self.metrics, parameters, self._error_points, values, self._past(state, 0)
        )

    def _past(self, state: State, number: int) -> Tensor | None:
        """The errors of earlier stages on the watched points (0) or on the grid (1)."""
        return None if state.past is None else state.past[number]

    def _error_sums(
        self,
        metrics: ErrorMetrics,
        parameters: Tensor,
        point_set: PointSet,
        values: Tensor,
        past: Tensor | None,
    ) -> Tensor:
        if not self.disc.error_outputs:
            return metrics(values, None, past)
        return metrics(values, self.disc.error_values(parameters, point_set), past)

    def _evaluations(self, parameters: Tensor) -> dict[str, LossGradient]:
        """The terms that are compared with the equation's, on their recorded points."""
        return {term.name: self._evaluated(term, parameters) for term in self._compared}

    def _evaluated(self, term: Term, parameters: Tensor) -> LossGradient:
        points = self._gradient_points[term.name]
        return term.loss_and_gradient(self.disc, parameters, points)[0]

    def _together(self, equation: LossGradient, compared: Mapping[str, LossGradient]) -> Tensor:
        """Gradient of the unweighted sum of those that are compared with the equation's."""
        first, *others = [term.gradient for term in compared.values()] or [
            torch.zeros_like(equation.gradient)
        ]
        for other in others:
            first = first + other
        return first

    def _derived(self, compared: Mapping[str, LossGradient]) -> list[Tensor]:
        return [compared[name].loss for name in self.derived]

    def _full(self, state: State) -> list[Tensor]:
        disc, parameters = self.disc, state.parameters
        inside, residual = disc.residual(parameters, disc.interior)
        outside = disc.values(parameters, disc.supervised)
        loss, _ = misfit(residual, torch.zeros_like(residual[:1]), disc.backend)
        values = torch.cat([inside, outside], dim=1)
        past = self._past(state, 1)
        judged = self._error_sums(self._grid_metrics, parameters, disc.grid, values, past)
        conditions = [self._evaluated(term, parameters).loss for term in self._derived_on_grid]
        return [judged, loss, *conditions]


def _joined(*point_sets: PointSet) -> PointSet:
    return reduce(PointSet.joined, point_sets)


def _put(table: Tensor, row: Tensor, numbers: list[Tensor]) -> None:
    """Write a row of a table."""
    table.index_copy_(0, row, torch.cat(numbers).view(1, *table.shape[1:]))
