"""What idles at the end of a stage, simulated: packs, slots and threads on shared cores."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest

from sweeps.execution.spreading import Room, threads_for, work_left
from sweeps.search.search import ModelSearch
from sweeps.study.plan import PackPlan, Run, make_packs, rerun_runs
from sweeps.study.study import Resources, load_study


def idle_share(packs: Sequence[PackPlan], slots: int, spread: bool) -> float:
    """Part of one machine's core-seconds that nobody used until the last pack ended.

    Runnable threads share the cores fairly, as an operating system has it.
    """
    waiting = deque(packs)
    left: dict[str, float] = {}
    threads: dict[str, int] = {}
    now = used = 0.0
    while waiting or left:
        while waiting and len(left) < slots:
            pack = waiting.popleft()
            others = [*left.values(), *(one.flops for one in waiting)]
            room = Room(slots, slots)
            threads[pack.pack_id] = threads_for(pack, others, room) if spread else 1
            left[pack.pack_id] = pack.flops
        share = min(1.0, slots / sum(threads[name] for name in left))
        step = min(work / (threads[name] * share) for name, work in left.items())
        now += step
        for name in list(left):
            done = step * threads[name] * share
            used += done
            left[name] -= done
            if left[name] <= 1e-9 * done:
                del left[name]
    return 1 - used / (now * slots)


def searched(study: str, *overrides: str) -> list[Run]:
    loaded = load_study(study, overrides)
    return [run for model in loaded.models for run in ModelSearch(loaded, model).ask()]


def seeds(study: str, *overrides: str) -> list[Run]:
    loaded = load_study(study, overrides)
    return [run for model in loaded.models for run in rerun_runs(loaded, model, [])]


SMALL = ("base.network.width=32", "base.network.depth=2", "base.problem.interior_points=600")


@pytest.mark.parametrize("slots", [2, 8])
@pytest.mark.parametrize(
    ("runs", "most"),
    [
        pytest.param(searched("demo"), 0.05, id="demo"),
        pytest.param(searched("plateaus", "search.runs=24"), 0.2, id="plateaus-24"),
        pytest.param(seeds("best-pair", "rerun.seeds=3"), 0.05, id="three seeds"),
        pytest.param(seeds("best-pair", "rerun.seeds=200", *SMALL), 0.05, id="equal runs"),
    ],
)
def test_little_idles_at_the_end_of_a_stage(runs: list[Run], most: float, slots: int) -> None:
    packs = make_packs(runs, Resources(), slots)
    spread, alone = (idle_share(packs, slots, spread=way) for way in (True, False))
    print(f"{slots} slots, {len(packs)} packs: idle {alone:.1%} -> {spread:.1%}")
    assert spread <= alone + 1e-9
    assert spread < most


def pack_of(runs: list[Run]) -> PackPlan:
    return make_packs(runs[:1], Resources(), 1)[0]


@pytest.fixture(scope="module")
def large() -> PackPlan:
    return pack_of(seeds("best-pair"))


def test_equal_packs_have_a_slot_each(large: PackPlan) -> None:
    assert threads_for(large, [large.flops], Room(2, 2)) == 1
    assert threads_for(large, [large.flops] * 7, Room(8, 8)) == 1


def test_the_last_pack_has_the_cores_of_its_machine(large: PackPlan) -> None:
    assert threads_for(large, [], Room(2, 2)) == 2
    assert threads_for(large, [], Room(slots=32, together=8)) == 8
    assert threads_for(large, [0.0], Room(2, 2)) == 2  # the other is committing its runs


def test_a_pack_longer_than_a_fair_share_has_several_slots_from_the_start(large: PackPlan) -> None:
    assert threads_for(large, [large.flops] * 3, Room(8, 8)) == 2
    assert threads_for(large, [large.flops], Room(8, 8)) == 4


def test_it_has_more_threads_where_many_others_compete(large: PackPlan) -> None:
    tenth = large.flops / 10
    assert threads_for(large, [tenth] * 10, Room(8, 8)) == 7


def test_a_slot_of_several_cores_gives_as_many_threads(large: PackPlan) -> None:
    assert threads_for(large, [large.flops] * 9, Room(2, 2, cpus=3.0)) == 3
    assert threads_for(large, [], Room(2, 2, cpus=3.0)) == 6
    assert threads_for(large, [large.flops] * 9, Room(4, 4, cpus=0.5)) == 1
    assert threads_for(large, [], Room(4, 4, cpus=0.5)) == 2


def test_a_small_update_is_left_to_one_thread() -> None:
    small = pack_of(seeds("best-pair", "base.network.width=4", "base.problem.interior_points=20"))
    assert threads_for(small, [], Room(8, 8)) == 1


def test_what_running_packs_have_left_is_in_their_notes(large: PackPlan, tmp_path: Path) -> None:
    assert work_left(large, tmp_path) == large.flops
    note = tmp_path / f"{large.pack_id}.json"
    note.write_text(json.dumps({"step": 250, "steps": 1000}))
    assert work_left(large, tmp_path) == 0.75 * large.flops
    note.write_text("half a no")
    assert work_left(large, tmp_path) == large.flops
