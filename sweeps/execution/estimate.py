"""How long a study will take, what it needs and what it costs: said before it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.wording import count
from pinn_core.training.footprint import member_needs
from sweeps.display.tally import in_words
from sweeps.errors import StudyError
from sweeps.execution.machines import this_machine
from sweeps.execution.measuring import chosen, measure
from sweeps.execution.sizing import Size, shown
from sweeps.execution.speed import Speeds, keep_speeds, kind_of, load_speeds
from sweeps.search.ahead import Ahead, look_ahead
from sweeps.study.plan import PackPlan
from sweeps.study.plugins import loaded_for
from sweeps.study.schedule import latest_first
from sweeps.study.study import Resources, Study

# From the demo and plateaus-small (200 steps, two seeds), each run once or twice on two cores with
# AVX-512 that had little else to do; what MLflow and reports take by a run, from benchmarks.driver.
START = 10.0
"""Seconds from the command to the first update: imports, Ray, its workers."""
BETWEEN = 0.15
"""Seconds from a pack's end to the next one's start on a slot."""
BESIDE = 1.08
"""How much longer a pack takes in a study, where Ray and the driver share the cores."""
COMMIT = 0.02
"""Seconds that a worker takes to write a run down."""
PUBLISH = 0.1
"""Seconds that MLflow takes for a run, of one core, beside the training."""
REPORT, REPORT_RUN = 10.0, 0.03
"""Seconds that the report takes, and a run more in it."""
ERROR = 0.25
"""What the time of a study whose packs were all measured is off by, as part of it.

``benchmarks.plan``: of four studies the farthest took 1.23 times less than planned.
"""
UNKNOWN = 1.0
"""Logarithm of the factor by which it may be off where one measurement is all there is."""
GLANCE = 400
"""Configurations of each search that are looked at where a study is about to start."""


@dataclass(frozen=True)
class Estimate:
    """What a study will take: numbers and their reach.

    ``seconds`` if the best configurations are of mean cost; ``low`` and ``high`` contain the error
    of the measurements and that choice. ``measured`` of ``kinds`` kinds of packs were measured
    here. ``memory`` is that of the largest pack, ``stored`` what all runs leave in the store, in
    bytes. ``cost`` is in the currency of ``resources.price``. A pruner makes it less.
    """

    study: str
    runs: int
    packs: int
    slots: int
    seconds: float
    low: float
    high: float
    measured: int
    kinds: int
    memory: int
    stored: int
    cost: float | None
    pruned: bool

    @property
    def time_in_words(self) -> str:
        """How long, with its error, and what that costs."""
        most = "at most " if self.pruned else ""
        known = f"{self.measured} of {count(self.kinds, 'kind')} of packs measured here"
        paid = "" if self.cost is None else f", for about {self.cost:.3g}"
        return (
            f"{count(self.packs, 'pack')}, {self.slots} at a time: {most}about "
            f"{in_words(self.seconds)} ({in_words(self.low)} to {in_words(self.high)}; "
            f"{known}){paid}"
        )

    @property
    def size_in_words(self) -> str:
        """How many runs, what memory a pack takes, and what they leave."""
        return (
            f"{count(self.runs, 'run')}, a pack takes up to {shown(self.memory)} of "
            f"memory, all together leave about {shown(self.stored)} in the store"
        )


def plan_study(
    study: Study, models: Sequence[Size], slots: int, say: Callable[[str], None]
) -> Estimate:
    """Measure short trainings of a study's packs on this machine, and estimate the whole.

    ``models`` are the study's sizes. ``slots`` packs are trained at a time; so many processes
    measure, as far as there are cores. What was measured is kept for commands to come. Raises
    ``StudyError`` where a training fails.
    """
    ahead = look_ahead(study, slots)
    packs = chosen(ahead.every_pack)
    say(f"training a little of {count(len(packs), 'kind')} of packs to measure this machine")
    resources = study.resources
    try:
        measured = measure(
            packs,
            side_by_side(resources, slots),
            "cuda" if resources.gpus else "cpu",
            max(1, int(resources.cpus)),
            [plugin.to_dict() for plugin in loaded_for(study.plugins)],
        )
    except Exception as error:  # a plugin, or no memory: a study would say the same
        raise StudyError(f"a short training failed: {type(error).__name__}: {error}") from error
    place = place_of(resources, slots)
    keep_speeds(load_speeds(place).with_(measured), place)
    return _estimate(study, models, ahead, Speeds({}).with_(measured), slots)


def known_estimate(study: Study, models: Sequence[Size], slots: int) -> Estimate | None:
    """The same from what was measured before, without training; None where nothing was."""
    speeds = load_speeds(place_of(study.resources, slots))
    if not speeds.known:
        return None
    ahead = look_ahead(study, slots, GLANCE)
    of_study = speeds.of(ahead.every_pack)
    complete = all(kind_of(pack) in of_study.known for pack in ahead.packs)
    return _estimate(study, models, ahead, of_study if complete else speeds, slots)


def not_known(study: Study) -> str:
    """What is said of the time where nothing was measured."""
    return f"how long it takes was never measured here: pinn-sweep plan {study.name} does"


def side_by_side(resources: Resources, slots: int) -> int:
    """How many of the packs train at a time on this machine: so many processes measure."""
    cores = this_machine(with_gpus=False).cpus
    return max(1, min(slots, math.floor(cores / resources.cpus)))


def place_of(resources: Resources, slots: int) -> str:
    """How packs are trained: measurements hold for one such place."""
    device = "cuda" if resources.gpus else "cpu"
    threads, processes = max(1, int(resources.cpus)), side_by_side(resources, slots)
    return f"{device} {threads} threads {processes} side by side"


def _estimate(
    study: Study, models: Sequence[Size], ahead: Ahead, speeds: Speeds, slots: int
) -> Estimate:
    searches = ahead.scale * sum(_span(packs, speeds, slots) for packs in ahead.rounds)
    runs = sum(model.runs for model in models)
    reruns = [_span(packs, speeds, slots) for packs in (ahead.rerun, ahead.cheapest, ahead.dearest)]
    mean, cheapest, dearest = (
        _whole(searches + rerun + speeds.first, runs, slots) for rerun in reruns
    )
    reach = math.exp(_error(ahead.packs, speeds))
    price = study.resources.price
    kinds = set(map(kind_of, ahead.packs))
    return Estimate(
        study=study.name,
        runs=runs,
        packs=len(ahead.rerun) + round(ahead.scale * sum(map(len, ahead.rounds))),
        slots=slots,
        seconds=mean,
        low=min(cheapest, mean) / reach,
        high=max(dearest, mean) * reach,
        measured=len(kinds & speeds.known.keys()),
        kinds=len(kinds),
        memory=max(map(_memory, ahead.every_pack)),
        stored=sum(model.total for model in models),
        cost=None if price is None else price * mean / 3600,
        pruned=study.search.pruner.kind != "none",
    )


def _span(packs: Sequence[PackPlan], speeds: Speeds, slots: int) -> float:
    """Seconds until the last of the packs is done, begun together."""
    if not packs:
        return 0.0
    each = [BESIDE * speeds.seconds(pack) + len(pack.runs) * COMMIT + BETWEEN for pack in packs]
    return latest_first(each, slots)[0]


def _whole(training: float, runs: int, slots: int) -> float:
    """The seconds of the command: MLflow shares the cores, or is waited for."""
    published = runs * PUBLISH
    return START + max(training + published / slots, published) + REPORT + runs * REPORT_RUN


def _error(packs: Sequence[PackPlan], speeds: Speeds) -> float:
    """The logarithm of the factor by which the time may be off."""
    costs = {pack.pack_id: speeds.seconds(pack) for pack in packs}
    unmeasured = sum(costs[pack.pack_id] for pack in packs if kind_of(pack) not in speeds.known)
    off = [abs(math.log(factor)) for factor in speeds.left_out()]
    typical = median(off) if off else UNKNOWN
    return math.hypot(ERROR, typical * unmeasured / max(sum(costs.values()), 1e-9))


def _memory(pack: PackPlan) -> int:
    return len(pack.runs) * sum(member_needs(pack.runs[0].configuration).values())
