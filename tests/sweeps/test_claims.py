"""One at a time without locks: who is alone, who gives way, and what becomes of the dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import permutations

import pytest

from sweeps.store import claims
from sweeps.store.claims import LIFE, Claim, Taken, holders


class Shelf:
    """An object store whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1e9
        self.files: dict[str, tuple[bytes, float]] = {}

    def put(self, name: str, content: bytes) -> None:
        self.files[name] = content, self.now

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name][0]

    def exists(self, name: str) -> bool:
        return name in self.files

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    discard = remove

    def stamps(self, folder: str) -> dict[str, float]:
        return {
            name.rpartition("/")[2]: stamp
            for name, (_, stamp) in self.files.items()
            if name.startswith(f"{folder}/")
        }


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PAUSE", 0.0)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def claim(shelf: Shelf, subject: str = "driver") -> Claim:
    return Claim(shelf, "drivers", subject)


def test_who_comes_second_learns_who_came_first(shelf: Shelf) -> None:
    claim(shelf).take()
    shelf.now += 30
    with pytest.raises(Taken, match=f":{os.getpid()} since ") as caught:
        claim(shelf).take()
    assert caught.value.idle == 30
    assert len(shelf.files) == 1


def test_a_released_claim_is_free(shelf: Shelf) -> None:
    first = claim(shelf)
    first.take()
    first.release()
    claim(shelf).take()


def test_subjects_do_not_disturb_each_other(shelf: Shelf) -> None:
    claim(shelf, "one").take()
    claim(shelf, "two").take()


class Claimant:
    """Does what ``take`` does step by step: puts its claim, then looks until it is decided."""

    def __init__(self, shelf: Shelf) -> None:
        self.claim, self.put = claim(shelf), False
        self.alone: bool | None = None

    def step(self) -> None:
        if not self.put:
            self.claim._put()
            self.put = True
        elif self.alone is None:
            try:
                self.alone = None if self.claim._look() else True
            except Taken:
                self.claim.release()
                self.alone = False


@pytest.mark.parametrize("order", [*sorted(set(permutations("aaabbb"))), tuple("abcabc")])
def test_of_several_at_once_one_is_alone(shelf: Shelf, order: tuple[str, ...]) -> None:
    """Whatever the order of their steps, and whichever goes first."""
    for _ in range(4):
        shelf.files.clear()
        claimants = {name: Claimant(shelf) for name in sorted(set(order))}
        for name in [*order, *claimants, *claimants]:
            claimants[name].step()
        assert [one.alone for one in claimants.values()].count(True) == 1


def test_who_was_alone_before_stays_alone(shelf: Shelf) -> None:
    first = claim(shelf)
    first.take()
    for _ in range(8):  # half of them go first, by name
        with pytest.raises(Taken):
            claim(shelf).take()
    assert first.renew()
    assert len(shelf.files) == 1


def test_a_claim_that_nobody_renews_ends(shelf: Shelf) -> None:
    first, second = claim(shelf), claim(shelf)
    first.take()
    shelf.now += LIFE - 1
    assert first.renew()
    shelf.now += LIFE - 1
    with pytest.raises(Taken):
        second.take()
    shelf.now += 2
    second.take()
    assert not first.renew()
    assert second.renew()


def test_a_store_whose_clock_jumps_back_lets_nobody_in(shelf: Shelf) -> None:
    first, second = claim(shelf), claim(shelf)
    first.take()
    shelf.now -= 86400
    with pytest.raises(Taken) as taken:
        second.take()
    assert taken.value.idle == 0
    assert first.renew()


def test_a_store_whose_clock_jumps_on_lets_the_owner_know(shelf: Shelf) -> None:
    first, second = claim(shelf), claim(shelf)
    first.take()
    shelf.now += 86400
    second.take()
    assert not first.renew()


def test_the_claim_of_a_process_that_died_here_ends_at_once(shelf: Shelf) -> None:
    claim(shelf).take()
    (name,) = shelf.files
    note = json.loads(shelf.read(name))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    shelf.put(name, json.dumps(note | {"pid": dead.pid}).encode())
    if not note["machine"]:
        pytest.skip("this system does not tell one boot from the next")
    claim(shelf).take()
    assert name not in shelf.files


def test_a_process_elsewhere_may_have_any_number(shelf: Shelf) -> None:
    claim(shelf).take()
    (name,) = shelf.files
    note = json.loads(shelf.read(name)) | {"machine": "another", "pid": 2**22 + 1}
    shelf.put(name, json.dumps(note).encode())
    with pytest.raises(Taken):
        claim(shelf).take()


def test_a_claim_that_cannot_be_read_counts(shelf: Shelf) -> None:
    shelf.put("drivers/driver.0", b"{")
    with pytest.raises(Taken, match="unknown"):
        claim(shelf).take()


def test_who_holds_a_claim_is_known(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims.time, "time", lambda: shelf.now)
    assert holders(shelf, "drivers") == []
    claim(shelf).take()
    assert [holder.pid for holder in holders(shelf, "drivers")] == [os.getpid()]
    shelf.now += LIFE + 1
    assert holders(shelf, "drivers") == []
