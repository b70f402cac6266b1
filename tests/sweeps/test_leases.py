"""One at a time without locks: who is alone, who gives way, and what becomes of the dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import permutations

import pytest

from sweeps.store import leases
from sweeps.store.leases import LIFE, Lease, Taken, holders


class LeaseStore:
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
    monkeypatch.setattr(leases, "PAUSE", 0.0)


@pytest.fixture
def store() -> LeaseStore:
    return LeaseStore()


def lease(store: LeaseStore, subject: str = "driver") -> Lease:
    return Lease(store, "drivers", subject)


def test_who_comes_second_learns_who_came_first(store: LeaseStore) -> None:
    lease(store).take()
    store.now += 30
    with pytest.raises(Taken, match=f":{os.getpid()} since ") as caught:
        lease(store).take()
    assert caught.value.idle == 30
    assert len(store.files) == 1


def test_a_released_lease_is_free(store: LeaseStore) -> None:
    first = lease(store)
    first.take()
    first.release()
    lease(store).take()


def test_subjects_do_not_disturb_each_other(store: LeaseStore) -> None:
    lease(store, "one").take()
    lease(store, "two").take()


class Claimant:
    """Does what ``take`` does step by step: puts its lease, then looks until it is decided."""

    def __init__(self, store: LeaseStore) -> None:
        self.lease, self.put = lease(store), False
        self.alone: bool | None = None

    def step(self) -> None:
        if not self.put:
            self.lease._put()
            self.put = True
        elif self.alone is None:
            try:
                self.alone = None if self.lease._look() else True
            except Taken:
                self.lease.release()
                self.alone = False


@pytest.mark.parametrize("order", [*sorted(set(permutations("aaabbb"))), tuple("abcabc")])
def test_of_several_at_once_one_is_alone(store: LeaseStore, order: tuple[str, ...]) -> None:
    """Whatever the order of their steps, and whichever goes first."""
    for _ in range(4):
        store.files.clear()
        candidates = {name: Claimant(store) for name in sorted(set(order))}
        for name in [*order, *candidates, *candidates]:
            candidates[name].step()
        assert [one.alone for one in candidates.values()].count(True) == 1


def test_who_was_alone_before_stays_alone(store: LeaseStore) -> None:
    first = lease(store)
    first.take()
    for _ in range(8):  # half of them go first, by name
        with pytest.raises(Taken):
            lease(store).take()
    assert first.renew()
    assert len(store.files) == 1


def test_a_lease_that_nobody_renews_ends(store: LeaseStore) -> None:
    first, second = lease(store), lease(store)
    first.take()
    store.now += LIFE - 1
    assert first.renew()
    store.now += LIFE - 1
    with pytest.raises(Taken):
        second.take()
    store.now += 2
    second.take()
    assert not first.renew()
    assert second.renew()


def test_a_store_whose_clock_jumps_back_lets_nobody_in(store: LeaseStore) -> None:
    first, second = lease(store), lease(store)
    first.take()
    store.now -= 86400
    with pytest.raises(Taken) as taken:
        second.take()
    assert taken.value.idle == 0
    assert first.renew()


def test_a_store_whose_clock_jumps_on_lets_the_owner_know(store: LeaseStore) -> None:
    first, second = lease(store), lease(store)
    first.take()
    store.now += 86400
    second.take()
    assert not first.renew()


def test_the_lease_of_a_process_that_died_here_ends_at_once(store: LeaseStore) -> None:
    lease(store).take()
    (name,) = store.files
    note = json.loads(store.read(name))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    store.put(name, json.dumps(note | {"pid": dead.pid}).encode())
    if not note["machine"]:
        pytest.skip("this system does not tell one boot from the next")
    lease(store).take()
    assert name not in store.files


def test_a_process_elsewhere_may_have_any_number(store: LeaseStore) -> None:
    lease(store).take()
    (name,) = store.files
    note = json.loads(store.read(name)) | {"machine": "another", "pid": 2**22 + 1}
    store.put(name, json.dumps(note).encode())
    with pytest.raises(Taken):
        lease(store).take()


def test_a_lease_that_cannot_be_read_counts(store: LeaseStore) -> None:
    store.put("drivers/driver.0", b"{")
    with pytest.raises(Taken, match="unknown"):
        lease(store).take()


def test_who_holds_a_lease_is_known(store: LeaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases.time, "time", lambda: store.now)
    assert holders(store, "drivers") == []
    lease(store).take()
    assert [holder.pid for holder in holders(store, "drivers")] == [os.getpid()]
    store.now += LIFE + 1
    assert holders(store, "drivers") == []
