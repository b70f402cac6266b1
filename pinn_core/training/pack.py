"""The state of a pack's training, and the step that changes it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.stack import padded
from pinn_core.objectives import Evaluation
from pinn_core.objectives.terms import Factors, no_factors, quantities
from pinn_core.optimizers import StepContext
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.columns import decoded, encoded, pruned, trajectories
from pinn_core.training.conflict import Conflict
from pinn_core.training.cuda_graphs import CudaGraphs
from pinn_core.training.hessian_products import HessianProducts
from pinn_core.training.line_search_cache import LineSearchCache, joined
from pinn_core.training.loss_weights import LossWeights
from pinn_core.training.recording import Recorder


class Pack:
    """Parameters, optimizer state, loss weights, the last update and the record of all members.

    ``members`` are the places, in the pack as it began, of those that it still trains; ``ended``
    has the trajectories of the others.
    """

    def __init__(
        self,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,
        threads: int,
        backend: str,
    ) -> None:
        self._each = configurations
        self._seeds = seeds
        self.members = list(range(len(seeds)))
        self.ended: dict[int, Trajectory] = {}
        self._place = (device, threads, backend)
        self.configuration = configurations[0]
        self.steps = self.configuration.steps
        self.objective = self.configuration.objective
        self.disc = self._disc(0)
        self.matrices = self.disc.stack.matrices()
        self.recorder = Recorder(self.disc, self.configuration, len(seeds))
        self.initial = self._initial()
        self.parameters = self.initial.clone()
        self.previous = torch.zeros_like(self.initial)
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self.step = 0
        self.targets: dict[str, Tensor] = {}
        looks = self.configuration.looks_at_conflicts
        self.conflict = Conflict(configurations, seeds, self.disc) if looks else None
        self._begin(0)
        self._enter(0, 0)
        self.state = self.optimizer.start(self.initial)
        self.graphs = (
            CudaGraphs() if device.startswith("cuda") and self._can_be_replayed() else None
        )

    def _disc(self, stage: int) -> Discretization:
        one = self.configuration
        problem = one.stages.problem(one.problem, stage)
        return Discretization(
            problem, one.network, one.precision, *self._place, one.inputs, one.constraints
        )

    def _begin(self, stage: int) -> None:
        """Train on the discretization, whose problem is that of ``stage``, from now on."""
        self.stage = stage
        for name, target in self.targets.items():
            self.disc.set_target(name, target)
        self.batches = self.objective.batches(self.disc, self._seeds)
        self.batch: dict[str, PointSet] = {}
        weighting = self.configuration.weighting
        self.loss_weights = LossWeights(self.disc, weighting, self._weights(), self.batches.at(0))
        self.trials = self._no_trials()

    def _no_trials(self) -> LineSearchCache | None:
        """Where to keep what line searches find, if that is all that an evaluation finds."""
        searches = any(phase.searches for phase in self.configuration.phases)
        same = self.batches.fixed and self.loss_weights.factors is no_factors
        return LineSearchCache() if searches and same else None

    def _initial(self) -> Tensor:
        rows = [self.disc.initial(self.configuration.network, seed) for seed in self._seeds]
        table = torch.zeros(len(rows), padded(self.disc.size), dtype=torch.float64)
        table[:, : self.disc.size] = torch.stack(rows)
        return table.to(self.disc.device, self.disc.dtype)

    def _weights(self) -> dict[str, Tensor]:
        each = [one.objective.weights(self.disc) for one in self._each]
        return {name: self.initial.new_tensor([w[name] for w in each]) for name in each[0]}

    def _can_be_replayed(self) -> bool:
        """Whether all steps of a phase are the same work, and none waits for the device."""
        one = self.configuration
        fixed = not one.weighting.adaptive and one.stages.count == 1
        synchronizes = self.conflict is not None and self.conflict.synchronizes
        return fixed and not synchronizes and not any(phase.synchronizes for phase in one.phases)

    def _next_stage(self) -> None:
        """Go on to the next stage's problem, with what the networks are now."""
        before, stages = self.disc, self.configuration.stages
        self.disc = self._disc(self.stage + 1)
        if stages.continues:
            self.recorder.keep(self.parameters)
            self.targets = {
                name: quantities(
                    before, self.parameters, name, self.disc.condition_points[name].coordinates
                )[0]
                for name, condition in self.disc.conditions.items()
                if condition.per_member
            }
        self.recorder.enter(self.disc)
        self._begin(self.stage + 1)
        self.recorder.enter_landscape()

    def _enter(self, phase: int, step: int) -> None:
        """Make ``phase`` the one whose first update leaves row ``step``."""
        self.phase, self.phase_start = phase, step
        own = [one.phases[phase] for one in self._each]
        self.optimizer = own[0]
        self.settings = {
            name: self.initial.new_tensor([[getattr(optimizer, name)] for optimizer in own])
            for name in self.optimizer.per_member
        }
        self.recorder.work.enter(step, self.optimizer, self.loss_weights.due)

    def advance(self, step: int) -> None:
        """Record the row of this step, and make the update that leaves it."""
        stage, led_here = self.stage, self.state
        if step - self.phase_start == self.optimizer.steps:
            self._advance_phase(step)
            self.state = self.optimizer.start(self.initial)
        self._prepare(step)
        left = led_here if self.stage == stage else {}  # of another stage's loss it says nothing
        self.recorder.landscape.state(step, self.parameters, self.loss_weights.table, left)
        due = self.recorder.due(step)
        if self.graphs:
            start = self.phase_start
            self.graphs.run((self.phase, due), lambda: self._step(due, self.row[0] - start))
        else:
            self._step(due, step - self.phase_start)
        if self.loss_weights.due(step):
            self.loss_weights.update(self.parameters, self.batch, self._evaluation())
        self.recorder.work.count(step + 1, self.optimizer.counts, self.state)
        self.recorder.clock(step)

    def end(self, step: int) -> None:
        """Record the last row, which no update leaves."""
        self._prepare(step)
        self.recorder.landscape.state(step, self.parameters, self.loss_weights.table, self.state)
        self._record(self.recorder.due(step), self._here(), None)

    def _advance_phase(self, step: int) -> None:
        """Enter the next phase, which may be the next stage's first."""
        last = self.phase + 1 == len(self.configuration.phases)
        if last:
            self._next_stage()
        self._enter(0 if last else self.phase + 1, step)

    def _prepare(self, step: int) -> None:
        """Bring what differs from step to step to where a graph reads it: the row, the points."""
        self.row.fill_(step)
        if self.batch and self.batches.fixed:
            return
        batch = dict(self.batches.at(step))
        if self.batch and self.graphs:
            for name, point_set in batch.items():
                self.batch[name].take(point_set)
        elif self.graphs and not self.batches.fixed:
            self.batch = {name: point_set.copied() for name, point_set in batch.items()}
        else:
            self.batch = batch

    def _step(self, due: frozenset[str], now: int | Tensor) -> None:
        evaluation = self._here()
        context = StepContext(
            self.parameters,
            *self.loss_weights.total(evaluation),
            self._elsewhere,
            products=HessianProducts(self.disc, self.loss_weights, self.batch, self.parameters),
            seeds=self._seeds,
            matrices=self.matrices,
        )
        update = self._update(evaluation, context, now)
        self._record(due, evaluation, (update, self.previous))
        self.parameters += update
        self.previous.copy_(update)

    def _update(self, evaluation: Evaluation, context: StepContext, now: int | Tensor) -> Tensor:
        """What the optimizer, or after it the alignment, adds to the parameters."""
        if self.conflict is None:
            backend = self.disc.backend
            return self.optimizer.update(self.settings, self.state, context, now, backend)
        gradients = self.conflict.terms(self.loss_weights.parts(evaluation))
        direction = self.conflict.direction(gradients, context.gradient, self.phase_start + now)
        context = replace(context, gradient=direction)
        update, found = self.conflict.update(
            gradients, self.optimizer, self.settings, self.state, context, now
        )
        self.recorder.conflict(self.row, found)
        return update

    def _here(self) -> Evaluation:
        """The step's evaluation, of which line searches may have made a part already."""
        known = self.trials.known(self.parameters) if self.trials else {}
        if not known:
            return self._evaluation(self.loss_weights.factors)
        rest = [row for row in range(len(self.members)) if row not in known]
        if rest:
            made = self._evaluated(self.parameters[rest], rest)
            known |= {member: (made, row) for row, member in enumerate(rest)}
        return joined([known[row] for row in range(len(self.members))])

    def _evaluation(self, factors: Factors = no_factors) -> Evaluation:
        batch = {name: point_set.anew() for name, point_set in self.batch.items()}
        return self.objective.evaluate(self.disc, self.parameters, batch, factors)

    def _elsewhere(self, parameters: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Loss and gradient of some members at other parameters, on this step's points."""
        evaluation = self._evaluated(parameters, members)
        if self.trials:
            self.trials.keep(members, parameters, evaluation)
        return self.loss_weights.total(evaluation, list(members))

    def _evaluated(self, parameters: Tensor, members: Sequence[int]) -> Evaluation:
        batch = {name: point_set.of(members) for name, point_set in self.batch.items()}
        factors = self.loss_weights.factors_again(members)
        return self.objective.evaluate(self.disc, parameters, batch, factors)

    def _record(
        self, due: frozenset[str], evaluation: Evaluation, update: tuple[Tensor, Tensor] | None
    ) -> None:
        away = self.parameters - self.initial
        self.recorder.state(
            self.row, due, self.parameters, away, evaluation, self.loss_weights.table, update
        )

    def stop(self, rows: Sequence[int], step: int) -> None:
        """Let the members in these rows end with the row of this step, which is recorded."""
        stopped = pruned(self.recorder, step, rows)
        self.ended |= zip((self.members[row] for row in rows), stopped, strict=True)
        self._select([row for row in range(len(self.members)) if row not in set(rows)])

    def _select(self, rows: Sequence[int]) -> None:
        """Go on with the members in these rows; nothing of theirs changes."""
        self.members = [self.members[row] for row in rows]
        self._each = [self._each[row] for row in rows]
        self._seeds = [self._seeds[row] for row in rows]
        if not rows:
            return
        index = torch.tensor(rows, device=self.disc.device)
        self.initial = self.initial[index]
        self.parameters = self.parameters[index]
        self.previous = self.previous[index]
        self.settings = {name: tensor[index] for name, tensor in self.settings.items()}
        self.state = {name: tensor[index] for name, tensor in self.state.items()}
        self.targets = {name: tensor[index] for name, tensor in self.targets.items()}
        for name, target in self.targets.items():
            self.disc.set_target(name, target)
        self.batches = self.objective.batches(self.disc, self._seeds)
        self.batch = {}
        self.trials = self._no_trials()
        if self.conflict is not None:
            self.conflict = Conflict(self._each, self._seeds, self.disc)
        self.loss_weights.select(index)
        self.recorder.select(index)
        self.graphs = CudaGraphs() if self.graphs else None

    def trajectories(self, rows: int) -> list[Trajectory]:
        """Of every member that the pack began with: rows 0 to rows - 1, or those it made."""
        left = trajectories(self.recorder, rows) if self.members else []
        found = {**self.ended, **dict(zip(self.members, left, strict=True))}
        return [found[member] for member in sorted(found)]

    def alive(self, step: int) -> bool:
        """Whether any member's loss was finite in the row before this step."""
        return step == 0 or self.recorder.finite(step - 1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs, by name."""
        parts = {
            "record": self.recorder.state_tensors(),
            "state": self.state,
            "balance": self.loss_weights.tensors(),
            "targets": self.targets,
            "past": {} if self.recorder.past is None else {"totals": self.recorder.past},
        }
        return {
            "parameters": self.parameters,
            "previous": self.previous,
            "phase": torch.tensor([self.stage, self.phase, self.phase_start]),
            **{f"{part}/{name}": t for part, own in parts.items() for name, t in own.items()},
            **{f"ended/{member}": encoded(one) for member, one in self.ended.items()},
        }

    def restore(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Go on where a checkpoint of the same pack was written."""
        device = self.disc.device
        self.step = step
        ended = _named(tensors, "ended/", "cpu")
        self.ended = {int(member): decoded(content) for member, content in ended.items()}
        if self.ended:
            self._select([row for row in self.members if row not in self.ended])
        stage, phase, start = tensors["phase"].tolist()
        if stage:
            self.disc = self._disc(stage)
            self.targets = _named(tensors, "targets/", device)
            self.recorder.past = _named(tensors, "past/", device).get("totals")
            self.recorder.enter(self.disc)
            self._begin(stage)
            self.recorder.enter_landscape()
        self._enter(phase, start)
        self.parameters = tensors["parameters"].to(device)
        self.previous = tensors["previous"].to(device)
        self.state = _named(tensors, "state/", device)
        self.loss_weights.restore(_named(tensors, "balance/", device))
        for name, table in self.recorder.state_tensors().items():
            table.copy_(tensors[f"record/{name}"])


def _named(tensors: dict[str, Tensor], prefix: str, device: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor.to(device)
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
