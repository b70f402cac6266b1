"""How long packs may wait for a node before the command says so, and before it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from sweeps.errors import StudyError
from sweeps.execution.machines import cluster_machines, pack_slots
from sweeps.study.study import Resources

SAID_AFTER = 60.0
"""Seconds without any pack in training before the command says so."""

ENDS_AFTER = 1800.0
"""Seconds before it ends the study: a cloud's new node takes minutes, and what it installs."""


class NothingTrains(Exception):
    """No pack can be trained; says why."""


class Patience:
    """Notes which packs are in training; ``reason`` says why there may be none."""

    def __init__(
        self,
        reason: Callable[[], str],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reason, self._say, self._clock = reason, say, clock
        self._training: set[str] = set()
        self._since: float | None = None
        self._said = False

    def started(self, pack: str) -> None:
        """A node has taken the pack."""
        self._training.add(pack)

    def ended(self, pack: str) -> None:
        """It is done, lost, or to be tried again."""
        self._training.discard(pack)

    def look(self, *, waiting: bool) -> None:
        """See whether packs wait for too long; raises ``NothingTrains``."""
        if self._training or not waiting:
            self._since, self._said = None, False
            return
        now = self._clock()
        if self._since is None:
            self._since = now
        elif now - self._since > ENDS_AFTER:
            minutes = ENDS_AFTER / 60
            raise NothingTrains(f"nothing has trained for {minutes:g} minutes: {self._reason()}")
        elif now - self._since > SAID_AFTER and not self._said:
            self._said = True
            self._say(f"nothing trains: {self._reason()}")


def lacking(resources: Resources) -> str:
    """The resources that packs ask for and no node has, or that the nodes do not grant them."""
    try:
        pack_slots(resources, cluster_machines())
    except StudyError as error:
        return str(error)
    return "there is room for a pack, but no node has taken one; see `ray status`"
