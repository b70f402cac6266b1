"""How fast this machine trains packs: what was measured, kept beside the compiled libraries.

A kind of pack that was measured has its own time for an update. Any other has that of its estimated
operations (``pinn_core.training.operations``) times the seconds that an operation took in measured
packs of about as many: the larger the matrices, the less an operation takes.
"""

from __future__ import annotations

import json
import math
import os
import platform
from bisect import bisect
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from pinn_core.engine.backends.build import cache_folder
from pinn_core.engine.backends.ownership import make_ours
from pinn_core.training.operations import flops
from sweeps.store.folder import write_whole
from sweeps.study.plan import PackPlan

KEPT = 500
"""Measurements that are kept, the latest ones."""


@dataclass(frozen=True)
class Speed:
    """What one kind of pack took here.

    ``work`` are the estimated operations of an update of the whole pack, recording included,
    ``update`` its seconds; ``setup`` are the seconds that a pack takes before its first update,
    ``first`` what the first pack of a process takes besides.
    """

    kind: str
    work: float
    update: float
    setup: float
    first: float


@dataclass(frozen=True)
class Speeds:
    """What was measured on this machine, by kind of pack."""

    known: dict[str, Speed]

    def seconds(self, pack: PackPlan) -> float:
        """What a pack takes; the first of its process takes ``first`` more."""
        measured = self.known.get(kind_of(pack))
        steps = pack.runs[0].configuration.steps
        if measured:
            return measured.setup + steps * measured.update
        return self._middle(speed.setup for speed in self.known.values()) + pack.flops * (
            self._per_operation(pack.flops / steps)
        )

    @property
    def first(self) -> float:
        """What the first pack of a process takes besides, at most."""
        return max((speed.first for speed in self.known.values()), default=0.0)

    def with_(self, speeds: Iterable[Speed]) -> Speeds:
        """These and further ones, which replace those of their kinds."""
        return Speeds({**self.known, **{speed.kind: speed for speed in speeds}})

    def of(self, packs: Iterable[PackPlan]) -> Speeds:
        """Those of the kinds of these packs."""
        kinds = set(map(kind_of, packs))
        return Speeds({kind: speed for kind, speed in self.known.items() if kind in kinds})

    def left_out(self) -> list[float]:
        """Of each measured kind, by what factor its time would be off had it not been measured."""
        factors = []
        for kind, speed in self.known.items():
            others = Speeds({name: each for name, each in self.known.items() if name != kind})
            if others.known:
                factors.append(others._per_operation(speed.work) * speed.work / speed.update)
        return factors

    @cached_property
    def _curve(self) -> list[tuple[float, float]]:
        """Logarithms of operations an update and of seconds an operation, sorted."""
        return sorted(
            (math.log(speed.work), math.log(speed.update / speed.work))
            for speed in self.known.values()
        )

    def _per_operation(self, work: float) -> float:
        """Seconds that an operation takes where an update has so many: between the nearest two."""
        curve, at = self._curve, math.log(work)
        place = bisect(curve, (at, math.inf))
        if place in (0, len(curve)):
            return math.exp(curve[min(place, len(curve) - 1)][1])
        (left, low), (right, high) = curve[place - 1], curve[place]
        share = (at - left) / (right - left)
        return math.exp(low + share * (high - low))

    @staticmethod
    def _middle(values: Iterable[float]) -> float:
        ordered = sorted(values)
        return ordered[len(ordered) // 2]


def kind_of(pack: PackPlan) -> str:
    """A name for all packs that take equally long: of one shape, with so many members."""
    shape = pack.runs[0].configuration.shape_key()
    named = f"{len(pack.runs)} {_version('pinn-sweeps')} {shape}"
    return blake2b(named.encode(), digest_size=12).hexdigest()


def work_of(pack: PackPlan) -> float:
    """Estimated operations of an update of a pack, on average, recording included."""
    configuration = pack.runs[0].configuration
    return flops(configuration, len(pack.runs)) / configuration.steps


def load_speeds(place: str = "") -> Speeds:
    """What was measured on this machine; nothing where there is no file, or one that is no use.

    ``place`` says how it was measured: on which device, with how many threads and neighbours.
    """
    with suppress(OSError, ValueError, TypeError, KeyError):
        plain = json.loads(_file(place).read_text(encoding="utf-8"))
        read = [Speed(**one) for one in plain["speeds"]]
        return Speeds({one.kind: one for one in read if one.work > 0 and one.update > 0})
    return Speeds({})


def keep_speeds(speeds: Speeds, place: str = "") -> None:
    """Keep them for commands to come; a folder that cannot be written is no error."""
    latest = list(speeds.known.values())[-KEPT:]
    content = json.dumps({"speeds": [asdict(speed) for speed in latest]}, indent=1)
    with suppress(OSError):
        write_whole(_file(place), content)


def _file(place: str) -> Path:
    """The file of this processor: a home folder may be on several machines."""
    machine = f"{platform.machine()} {_processor()} {os.cpu_count()} {_version('torch')} {place}"
    name = blake2b(machine.encode(), digest_size=8).hexdigest()
    return make_ours(cache_folder()) / f"speed-{name}.json"


_version = cache(version)


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
