"""The figures of a study's progress: counts, packs in training, rate and time left; and words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from analysis.metric import Reached, Unreached


class Counted(Protocol):
    """Where the runs of one model come from."""

    model: str
    total: int
    """How many they are, as far as is known; fewer where a search gives configurations up."""


@dataclass
class Tally:
    """The runs of one model in one stage."""

    source: Counted
    found: int = 0
    """Committed before this command."""
    finished: int = 0
    """Committed by this command, those that diverged included."""
    diverged: int = 0
    pruned: int = 0
    """Stopped early by this command."""
    failed: int = 0

    @property
    def total(self) -> int:
        """How many runs there are to be."""
        return self.source.total

    @property
    def settled(self) -> int:
        """Runs that need no more work."""
        return self.found + self.finished + self.failed


@dataclass(frozen=True)
class Training:
    """The packs that are being trained now."""

    packs: int
    runs: int
    share: float
    """How much of their steps is done, in units of runs."""
    flops: float
    """The operations that they have done."""
    models: Mapping[str, float]
    """How much of their steps is done, by model, in units of its runs."""

    @classmethod
    def read(cls, folder: Path) -> Training:
        """From the notes that workers leave in a folder; unreadable ones do not count."""
        notes = []
        for file in folder.glob("*.json"):
            with suppress(OSError, ValueError):
                notes.append(json.loads(file.read_text()))
        share = sum(note["runs"] * note["step"] / note["steps"] for note in notes)
        flops = sum(note["flops"] * note["step"] / note["steps"] for note in notes)
        models: Counter[str] = Counter()
        for note in notes:
            for model, runs in note["models"].items():
                models[model] += runs * note["step"] / note["steps"]
        return cls(len(notes), sum(note["runs"] for note in notes), share, flops, models)


class Pace:
    """How fast work is done, from when the first of it was seen: what came before was a start.

    >>> pace = Pace()
    >>> pace.left(at=10.0, done=0.0, total=8.0), pace.left(at=20.0, done=1.0, total=8.0)
    (None, None)
    >>> pace.left(at=30.0, done=3.0, total=8.0)
    25.0
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def left(self, at: float, done: float, total: float) -> float | None:
        """Seconds until ``total`` is done; None while there is no pace."""
        if self._first is None:
            self._first = (at, done) if done > 0 else None
            return None
        since, before = self._first
        if done <= before or at <= since:
            return None
        return (at - since) * (total - done) / (done - before)


def in_words(seconds: float) -> str:
    """A time as people say it.

    >>> in_words(45), in_words(150), in_words(11_000)
    ('45 s', '2 min 30 s', '3 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def reached_in_words(reached: Reached) -> str:
    """What a run reached by the metric.

    >>> reached_in_words(0.0123), reached_in_words(Unreached(1000.0, 1500.0))
    ('0.0123', 'not reached, >= 1000')
    """
    if reached is None:
        return "diverged"
    if isinstance(reached, Unreached):
        return f"not reached, >= {reached.at_least:.4g}"
    return f"{reached:.4g}"


def setting(varied: Mapping[str, object]) -> str:
    """What the search varied, by the last part of each key.

    >>> setting({"network.width": 64, "phases.0.learning_rate": 0.00123456})
    'width 64, learning_rate 0.00123'
    """
    named = ((key.rpartition(".")[2], value) for key, value in varied.items())
    return ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in named)


def in_brackets(varied: Mapping[str, object]) -> str:
    """The same in brackets, to follow a value or a name; empty where the search varied no key.

    >>> in_brackets({"network.width": 64}), in_brackets({})
    (' (width 64)', '')
    """
    return f" ({setting(varied)})" if varied else ""
