"""Cores for packs: a pack that would end last gets several, so that no core idles at the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pinn_core.training.operations import step_flops
from sweeps.study.plan import PackPlan

THREAD_STEP = 2e7
"""Operations of an update that keep a thread busy for longer than it takes to wake it: 0.4 ms."""


@dataclass(frozen=True)
class Room:
    """How many packs train at a time."""

    slots: int
    """Everywhere."""
    together: int
    """On the machine that has room for fewest."""
    cpus: float = 1.0
    """Cores of each slot."""


def threads_for(pack: PackPlan, others: Sequence[float], room: Room) -> int:
    """How many threads a pack should use that starts when others are left, of so many operations.

    A pack of more work than a slot's fair share of all that is left would still be training when
    the other slots have nothing left: it gets as many slots' cores as it has fair shares, at most
    one machine's; more threads than that where the others' threads compete for the same cores. No
    more than have enough to do in each update, and at least one slot's.
    """
    wanted = room.slots * pack.flops / (pack.flops + sum(others))
    left = max(room.slots - wanted, 1e-9)
    rivals = min(room.slots - 1, len(others))
    wanted *= max(1.0, rivals / left)
    step = len(pack.runs) * step_flops(pack.runs[0].configuration)
    threads = min(round(wanted), room.together) * room.cpus
    return max(1, int(room.cpus), min(int(threads), int(step / THREAD_STEP)))


def work_left(pack: PackPlan, news: Path) -> float:
    """Operations that a running pack has yet to do, by the note that its worker leaves."""
    try:
        note = json.loads((news / f"{pack.pack_id}.json").read_text())
        done = float(note["step"] / note["steps"])
    except (OSError, ValueError):
        done = 0.0
    return pack.flops * (1 - done)
