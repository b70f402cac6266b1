"""What becomes of packs that no node takes."""

from __future__ import annotations

import pytest

from sweeps.execution.patience import ENDS_AFTER, SAID_AFTER, NothingTrains, Patience


class Waiting:
    """Packs that wait, on a clock that stands still."""

    def __init__(self) -> None:
        self.now, self.said = 0.0, list[str]()
        self.patience = Patience(lambda: "no node has a GPU", self.said.append, lambda: self.now)
        self.patience.look(waiting=True)

    def for_seconds(self, seconds: float) -> None:
        self.now += seconds
        self.patience.look(waiting=True)


def test_a_long_wait_is_said_once_and_ends_the_study_with_the_reason() -> None:
    waiting = Waiting()
    waiting.for_seconds(SAID_AFTER - 1)
    assert waiting.said == []
    waiting.for_seconds(2)
    waiting.for_seconds(2)
    assert waiting.said == ["nothing trains: no node has a GPU"]
    with pytest.raises(NothingTrains, match="for 30 minutes: no node has a GPU"):
        waiting.for_seconds(ENDS_AFTER)


def test_as_long_as_one_pack_trains_the_others_wait() -> None:
    waiting = Waiting()
    waiting.patience.started("one")
    waiting.for_seconds(10 * ENDS_AFTER)
    waiting.patience.ended("one")
    waiting.for_seconds(0)
    waiting.for_seconds(ENDS_AFTER - 1)
    assert waiting.said == ["nothing trains: no node has a GPU"]


def test_where_nothing_waits_there_is_nothing_to_say() -> None:
    waiting = Waiting()
    waiting.now += 10 * ENDS_AFTER
    waiting.patience.look(waiting=False)
    waiting.for_seconds(1)
    assert waiting.said == []
