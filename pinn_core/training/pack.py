"""A pack in training: the step that changes its state, and what is made from the state."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinn_core.configuration import Configuration
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.stack import padded
from pinn_core.objectives import Evaluation, Term
from pinn_core.optimizers import StepContext
from pinn_core.parts import stands_for
from pinn_core.probes import Moment, Phase, Setup
from pinn_core.records.trajectory import Trajectory
from pinn_core.training.columns import pruned, trajectories
from pinn_core.training.conflict import Conflict
from pinn_core.training.cuda_graphs import CudaGraphs
from pinn_core.training.hessian_products import HessianProducts
from pinn_core.training.native_steps import NativeSteps
from pinn_core.training.recording import Recorder
from pinn_core.training.returned import returned
from pinn_core.training.state import State, Tensors
from pinn_core.training.trained_loss import TrainedLoss


class Pack:
    """The training of all members: its ``state``, and the step that takes it one row further.

    Everything else is made from the configurations, the seeds and the state, and made anew
    (``_attach``) where members leave, a stage begins or a checkpoint is read.
    """

    def __init__(
        self,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,
        threads: int,
        backend: str,
    ) -> None:
        self._all_configurations, self._all_seeds = configurations, seeds
        self._device, self._threads, self._backend = device, threads, backend
        self.configuration = configurations[0]
        self.steps = self.configuration.steps
        self.objective = self.configuration.objective
        self.disc = self._discretization(0)
        self.disc.set_observed([member.data for member in configurations], seeds)
        self.recorder = Recorder(self.disc, self.configuration, configurations)
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        initial = self._initial()
        self.state = State(
            members=list(range(len(seeds))),
            parameters=initial.clone(),
            initial=initial,
            previous_update=torch.zeros_like(initial),
            weights=self._initial_weights(configurations),
            sums=self.recorder.sums(len(seeds)),
            samples={
                **self.recorder.samples(len(seeds)),
                **self.recorder.snapshots.start(self.steps + 1, initial),
            },
            seconds=self.recorder.seconds(),
        )
        self._attach()
        self.native = self._native_steps()
        self.loss.start()
        self._enter(0, 0)

    @property
    def members(self) -> list[int]:
        """The numbers, in the pack as it began, of those that it still trains."""
        return self.state.members

    def _discretization(self, stage: int) -> Discretization:
        configuration = self.configuration
        return Discretization(
            configuration.stages.problem(configuration.problem, stage),
            configuration.network,
            configuration.precision,
            self._device,
            self._threads,
            self._backend,
            configuration.inputs,
            configuration.constraints,
            configuration.data,
        )

    def _initial(self) -> Tensor:
        rows = [self.disc.initial(self.configuration.network, seed) for seed in self._all_seeds]
        table = torch.zeros(len(rows), padded(self.disc.size), dtype=torch.float64)
        table[:, : self.disc.size] = torch.stack(rows)
        return table.to(self.disc.device, self.disc.dtype)

    def _initial_weights(self, configurations: Sequence[Configuration]) -> Tensor:
        """The objectives' weights (t, m), in float64 as rounded to the training's precision."""
        weights = [
            {**own.weights(self.disc), **own.data_weights(self.disc, member.data)}
            for member in configurations
            for own in [member.objective]
        ]
        names = [term.name for term in self.objective.terms(self.disc)]
        table = [[of_member[name] for of_member in weights] for name in names]
        return torch.tensor(table, dtype=self.disc.dtype, device=self.disc.device).double()

    def _attach(self) -> None:
        """Make what follows from the state, on the present discretization."""
        state, device = self.state, self.disc.device
        self._configurations = [self._all_configurations[member] for member in state.members]
        self._seeds = [self._all_seeds[member] for member in state.members]
        for name, target in state.targets.items():
            self.disc.set_target(name, target)
        self.disc.set_observed([member.data for member in self._configurations], self._seeds)
        self.loss = TrainedLoss(self.disc, self._configurations, self._seeds, state)
        looks = self.configuration.looks_at_conflicts
        self.conflict = Conflict(self._configurations, self._seeds, self.disc) if looks else None
        self._attach_optimizer()
        replayable = device.startswith("cuda") and self._can_be_replayed()
        self.graphs = CudaGraphs() if replayable else None

    def _attach_optimizer(self) -> None:
        """Make the phase's optimizer the one that updates, with every member's settings."""
        phases = [member.phases[self.state.phase] for member in self._configurations]
        self.optimizer = phases[0]
        self.settings = {
            name: self.state.initial.new_tensor([[getattr(phase, name)] for phase in phases])
            for name in self.optimizer.per_member
        }
        foresees = stands_for(self.optimizer, "ahead", "update")
        self._updates_natively = foresees and self.optimizer.ahead(self.settings, 0, 1) is not None

    def _native_steps(self) -> NativeSteps | None:
        """What makes steps in one native call, where all parts can be part of one."""
        loss = self.loss
        if self.conflict or loss.line_searches or loss.penalty:
            return None
        return NativeSteps.of(
            self.disc, loss.batches, loss.terms, self.recorder, loss.weights, self.state
        )

    def _can_be_replayed(self) -> bool:
        """Whether all steps of a phase are the same work, and none waits for the device."""
        configuration = self.configuration
        fixed = not configuration.weighting.adaptive and configuration.stages.count == 1
        synchronizes = self.conflict is not None and self.conflict.synchronizes
        return (
            fixed
            and not synchronizes
            and not configuration.record.probes
            and not any(phase.synchronizes for phase in configuration.phases)
        )

    def _next_stage(self) -> None:
        """Go on to the next stage's problem, with what the networks are now."""
        state, before, terms = self.state, self.disc, self.loss.terms
        state.stage += 1
        self.disc = self._discretization(state.stage)
        if self.configuration.stages.continues:
            self.recorder.keep(state)
            state.targets = self._ends(before, terms)
        state.sampler = {}
        state.weights = self._initial_weights(self._configurations)
        self._attach()
        self.loss.start()
        self._enter_stage()

    def _enter_stage(self) -> None:
        """Record on the present discretization, and let native steps do so."""
        self.recorder.enter(self.disc)
        self.native = self._native_steps()

    def _ends(self, before: Discretization, terms: Sequence[Term]) -> Tensors:
        """What the networks are where the new stage's conditions go on from the one before."""
        return {
            term.name: term.quantities(
                before,
                self.state.parameters,
                self.disc.condition_points[term.name],
            )[0]
            for term in terms
            if term.origin == "condition" and self.disc.conditions[term.name].per_member
        }

    def _enter(self, phase: int, step: int) -> None:
        """Begin ``phase``, whose first update leaves row ``step``."""
        state = self.state
        state.phase, state.phase_start = phase, step
        self._attach_optimizer()
        state.optimizer = self.optimizer.start(state.initial)
        terms, evaluates = len(self.loss.terms), self.loss.weights.evaluates
        state.optimizer |= self.optimizer.start_terms(state.initial, terms)
        share = 1 / terms if self.optimizer.takes_turns else 1
        self.recorder.work.enter(state.sums["work"], step, self.optimizer, evaluates, share)

    def reach(self, step: int, last: int) -> int:
        """The row to which ``advance`` can go from this one in one call, ``last`` at most."""
        left = self.state.phase_start + self.optimizer.steps - step
        if self.native is None or not left or not self._is_native(step):
            return step + 1
        last = min(last, step + left, self.recorder.next_due(step), self.native.reach(step))
        return self.loss.weights.next_due(step, last)

    def advance(self, step: int, end: int | None = None) -> None:
        """Record the rows from ``step`` on, and make the updates that lead to row ``end``.

        That is the next row, or one as far as ``reach`` says.
        """
        state, end = self.state, step + 1 if end is None else end
        led_here = state.stage, state.optimizer
        if step - state.phase_start == self.optimizer.steps:
            self._advance_phase(step)
        if self.native and self._is_native(step):
            self.row.fill_(step)
            self.recorder.record_parameters(state, self.row, self.recorder.due(step))
            self.recorder.snapshots.record(state, step)
            self.native.make(state, self.optimizer, self.settings, step, end - step)
        else:
            self._advance_one(step, led_here)
        self.recorder.clock(state, step, end - step)
        state.step = end

    def _is_native(self, step: int) -> bool:
        """Whether a native step is all that this one needs."""
        return self._updates_natively and not (
            self.loss.weights.due(step)
            or self.recorder.landscape.due(step)
            or self.recorder.probing.due(step)
        )

    def _advance_one(self, step: int, led_here: tuple[int, Tensors]) -> None:
        state, recorder = self.state, self.recorder
        stage, left = led_here
        self._prepare(step)
        left = left if state.stage == stage else {}  # of another stage's loss it says nothing
        recorder.landscape.record(state.samples, step, state.parameters, state.weights, left)
        recorder.snapshots.record(state, step)
        due = recorder.due(step)
        if self.graphs:
            start = state.phase_start
            self.graphs.run((state.phase, due), lambda: self._step(due, self.row[0] - start))
        else:
            self._step(due, step - state.phase_start)
        if self.loss.weights.due(step):
            self.loss.weigh_anew(step)
        recorder.work.count(state.sums["work"], step + 1, self.optimizer.counts, state.optimizer)

    def end(self, step: int) -> None:
        """Record the last row, which no update leaves."""
        state = self.state
        self._prepare(step)
        self.recorder.landscape.record(
            state.samples, step, state.parameters, state.weights, state.optimizer
        )
        evaluation = self.loss.here()
        self.recorder.record_row(state, self.row, self.recorder.due(step), evaluation, None)
        self._probe(evaluation, None)

    def _advance_phase(self, step: int) -> None:
        """Enter the next phase, which may be the next stage's first."""
        last = self.state.phase + 1 == len(self.configuration.phases)
        if last:
            self._next_stage()
        self._enter(0 if last else self.state.phase + 1, step)

    def _prepare(self, step: int) -> None:
        """Bring what differs from step to step to where a graph reads it: the row, the points."""
        self.row.fill_(step)
        self.loss.prepare(step, in_place=self.graphs is not None)

    def _step(self, due: frozenset[str], phase_step: int | Tensor) -> None:
        state, evaluation = self.state, self.loss.here(self._turn(phase_step))
        context = self.loss.context(evaluation)
        update = self._update(evaluation, context, phase_step)
        self.recorder.record_row(state, self.row, due, evaluation, update)
        self._probe(evaluation, update)
        state.parameters += update
        state.previous_update.copy_(update)

    def _probe(self, evaluation: Evaluation, update: Tensor | None) -> None:
        """Let the probes that are due measure, before the update is made."""
        if not self.configuration.record.probes:
            return
        state, step = self.state, int(self.row)
        if self.recorder.probing.due(step):
            if self.optimizer.takes_turns:
                evaluation = self.loss.at(state.parameters, range(len(self.members)))
            moment = Moment(
                setup=Setup(self.disc, self.loss.terms),
                step=step,
                parameters=state.parameters,
                evaluation=evaluation,
                weights=state.weights,
                batch=self.loss.batch,
                factors=self.loss.weights.factors_of_points,
                update=update,
                phase=Phase(
                    self.optimizer, self.settings, state.optimizer, step - state.phase_start
                ),
                products=HessianProducts(
                    self.disc, self.loss.weights, self.loss.batch, state.parameters.double()
                ),
            )
            self.recorder.probing.record(state.samples, moment)

    def _update(
        self, evaluation: Evaluation, context: StepContext, phase_step: int | Tensor
    ) -> Tensor:
        """What the optimizer, or after it the alignment, adds to the parameters."""
        state, conflict = self.state, self.conflict
        if conflict is None:
            update = self.optimizer.update(
                self.settings, state.optimizer, context, phase_step, self.disc.backend
            )
            return returned(self.optimizer, "update", update, state.parameters)
        gradients = conflict.terms(self.loss.weights.parts(evaluation))
        direction = conflict.direction(gradients, context.gradient, state.phase_start + phase_step)
        context = replace(context, gradient=direction)
        update, numbers = conflict.update(
            gradients, self.optimizer, self.settings, state.optimizer, context, phase_step
        )
        self.recorder.record_conflict(state, self.row, numbers)
        return update

    def _turn(self, phase_step: int | Tensor) -> int | None:
        """The place of the term whose gradient a step takes; None: it takes all."""
        return int(phase_step) % len(self.loss.terms) if self.optimizer.takes_turns else None

    def stop(self, rows: Sequence[int], step: int, parameters: Tensor) -> None:
        """Let the members in these rows end with the row of this step, which is recorded.

        ``parameters`` are those that this row describes; the state's are one update further.
        """
        ended = replace(self.state, parameters=parameters)
        stopped = pruned(self.recorder, ended, step, rows)
        self.state.ended |= zip((self.members[row] for row in rows), stopped, strict=True)
        going = [row for row in range(len(self.members)) if row not in set(rows)]
        self._take(self.state.select(going))

    def restore(self, tensors: Tensors) -> None:
        """Go on where a checkpoint of the same pack was written."""
        state = State.unflatten(tensors, self.disc.device)
        if state.stage:
            self.disc = self._discretization(state.stage)
        self._take(state)

    def _take(self, state: State) -> None:
        """Go on from this state."""
        self.state = state
        if state.members:
            self._attach()
            self._enter_stage()

    def trajectories(self, rows: int) -> list[Trajectory]:
        """Of every member that the pack began with: rows 0 to rows - 1, or those it made."""
        going = trajectories(self.recorder, self.state, rows) if self.members else []
        by_member = {**self.state.ended, **dict(zip(self.members, going, strict=True))}
        return [by_member[member] for member in sorted(by_member)]

    def alive(self, step: int) -> bool:
        """Whether any member's loss was finite in the row before this step."""
        return step == 0 or self.recorder.finite(self.state, step - 1)
