"""What carries out a stage: this process, or Ray Tune on this machine or a cluster."""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Protocol

from sweeps.execution.context import FailsAgain, WorkerContext
from sweeps.execution.machines import (
    Machine,
    cluster_machines,
    cluster_slots,
    pack_slots,
    ray_connected,
    this_machine,
)
from sweeps.execution.nodes import ask_nodes, refuse_strangers
from sweeps.execution.own_ray import watched
from sweeps.execution.patience import Patience, lacking
from sweeps.execution.software import installed
from sweeps.execution.spreading import Room
from sweeps.execution.stage import Stage
from sweeps.process.interrupts import Interrupts
from sweeps.store.writing import CannotWrite
from sweeps.study.plan import PackPlan
from sweeps.study.study import Resources

log = logging.getLogger(__name__)

TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # they write five files a trial, which are not used
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # interrupts are ours
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's state is never restored
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # the display has one line for each
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints at verbosity 0 too
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # so that a relative path means the same everywhere
}


class Executor(Protocol):
    """Trains the packs of stages; ``slots`` of them at a time."""

    slots: int
    machines: Sequence[Machine]
    """Those on which packs may run."""

    def carry_out(
        self, stages: Iterable[Stage], tick: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        """Train until one stage after the other is over, calling ``tick`` now and then.

        The next stage is asked for when the one before is over. ``say`` tells of long waits. Raises
        ``CannotWrite``, and ``NothingTrains`` where no node takes a pack.
        """


class Inline:
    """This process, pack after pack."""

    slots = 1

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self.machines: Sequence[Machine] = [this_machine(with_gpus=context.device != "cpu")]

    def carry_out(
        self,
        stages: Iterable[Stage],
        tick: Callable[[], None],
        say: Callable[[str], None],  # noqa: ARG002  # nothing is waited for
    ) -> None:
        """Train until all stages are over."""
        for stage in stages:
            while pack := stage.next_pack():
                tick()
                self._train(stage, pack)

    def _train(self, stage: Stage, pack: PackPlan) -> None:
        from sweeps.execution.training import train_pack

        retries = stage.retries(pack)
        for attempt in range(1, retries + 2):
            try:
                stage.done(pack, train_pack(pack, self._context))
                return
            except CannotWrite:
                raise
            except FailsAgain as error:
                stage.lost(pack, str(error))
                return
            except Exception as error:  # the other packs go on after any error
                reason = f"{type(error).__name__}: {error}"
                log.exception("pack %s", pack.pack_id)
            if attempt <= retries:
                stage.watch.retried(pack, attempt, reason)
        stage.lost(pack, reason)


class RayTune:
    """Ray Tune on a cluster, or on a Ray of its own, which starts when there is work for it.

    Raises ``StudyError`` if no cluster answers at ``address``, no node has room for a pack, or a
    node has other software or does not share the store. What it starts or connects to ends with
    ``stack``.
    """

    def __init__(
        self,
        context: WorkerContext,
        resources: Resources,
        address: str | None,
        stack: ExitStack,
        interrupts: Interrupts,
    ) -> None:
        self._stack = stack
        self._interrupts = interrupts
        self._machine = this_machine(with_gpus=resources.gpus > 0)
        self._address = address
        if address:
            stack.enter_context(ray_connected(address, self._machine))
        self.machines: Sequence[Machine] = cluster_machines() if address else [self._machine]
        if address:
            each = cluster_slots(resources, self.machines)
            refuse_strangers(ask_nodes(context.store), context.store)
            context = replace(context, software=dict(installed()))
        else:
            each = pack_slots(resources, self.machines)
        self.slots = sum(each)
        self._room = Room(self.slots, min(each), resources.cpus)
        together = max(*each, resources.slots or 1) if address else max(each)
        self._context = replace(context, memory=resources.gpus or 1 / together)

    def carry_out(
        self, stages: Iterable[Stage], tick: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        """Train until all stages are over, one Tune trial for each pack; workers are reused."""
        remaining = itertools.dropwhile(lambda stage: stage.over, stages)
        first = next(remaining, None)
        if first is None:
            return
        os.environ.update(TUNE_ENVIRONMENT)
        # all workers start at once, not one after the other; and a cluster grows by what waits
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(self.slots)
        if not self._address:
            self._stack.enter_context(ray_connected(None, self._machine))
        from ray import tune

        from sweeps.execution.pack_scheduler import PackScheduler
        from sweeps.execution.pack_searcher import PackSearcher
        from sweeps.execution.trainable import PackTrainable
        from sweeps.execution.tune_events import PackEvents

        searcher = PackSearcher(itertools.chain([first], remaining), self._context, self._room)
        patience = Patience(partial(lacking, first.resources), say)
        needs = {"cpu": first.resources.cpus, "gpu": first.resources.gpus}
        with (
            tempfile.TemporaryDirectory(prefix="pinn-sweep-") as scratch,
            self._interrupts.asked_for(),
            watched(say),
        ):
            ticks = [self._interrupts.check, tick]
            events = PackEvents(searcher, patience, ticks, one_machine=not self._address)
            tune.Tuner(
                tune.with_resources(PackTrainable, needs),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=PackScheduler(self.slots),
                    num_samples=-1,  # until the searcher says FINISHED
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    storage_path=scratch,
                    failure_config=tune.FailureConfig(max_failures=first.resources.retries),
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    callbacks=[events],
                    verbose=0,
                ),
            ).fit()
        searcher.check_disk()
