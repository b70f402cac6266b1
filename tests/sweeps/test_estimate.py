"""What is said of a study's time before it starts: its packs, the machine's speed, the sums."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from pinn_core.configuration import Record
from sweeps.errors import StudyError
from sweeps.execution import estimate as estimate_module
from sweeps.execution import launch
from sweeps.execution.estimate import Estimate, known_estimate
from sweeps.execution.machines import this_machine
from sweeps.execution.measuring import KINDS, _cadences, _recording, chosen, measure
from sweeps.execution.sizing import sizes
from sweeps.execution.speed import Speed, Speeds, keep_speeds, kind_of, load_speeds, work_of
from sweeps.search.ahead import look_ahead
from sweeps.study.plan import PackPlan, Run
from sweeps.study.study import Study, load_study
from tests.sweeps.command import pinn_sweep
from tests.sweeps.samples import sample_study
from tests.sweeps.studies import TEXT


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, in which nothing was measured; no library is compiled for it."""
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PINN_BACKEND", "eager")
    return tmp_path / "cache"


@pytest.fixture
def sample(tmp_path: Path) -> Study:
    return sample_study(tmp_path, "rerun.seeds=2")


def speed(pack: PackPlan, update: float, setup: float = 0.0) -> Speed:
    return Speed(kind_of(pack), work_of(pack), update, setup, 0.0)


def measured(packs: list[PackPlan], update: float = 0.1) -> Speeds:
    return Speeds({}).with_(speed(pack, update) for pack in packs)


def test_all_runs_of_a_grid_are_ahead_and_then_the_reruns(sample: Study) -> None:
    ahead = look_ahead(sample, slots=2)
    (search,) = ahead.rounds
    assert sum(len(pack.runs) for pack in search) == 4 + 2
    assert sum(len(pack.runs) for pack in ahead.rerun) == 2 * 2
    assert {run.stage for pack in ahead.rerun for run in pack.runs} == {"rerun"}
    assert ahead.scale == 1.0


def test_a_learning_search_goes_round_by_round(file: Path) -> None:
    study = load_study(str(file), ["search.runs=10", "search.generation=4"])
    ahead = look_ahead(study, slots=2)
    assert [sum(len(pack.runs) for pack in packs) for packs in ahead.rounds] == [4, 4, 2]
    loaded = load_study(str(file), ["search.runs=10", "search.generation=async"])
    assert len(look_ahead(loaded, slots=2).rounds) == 1, "nothing waits"


def test_of_a_large_search_some_runs_stand_for_all(file: Path) -> None:
    study = load_study(str(file), ["search.runs=100", "search.sampler=random"])
    ahead = look_ahead(study, slots=2, most=25)
    assert sum(len(pack.runs) for packs in ahead.rounds for pack in packs) == 25
    assert ahead.scale == 4.0


def test_the_choice_of_a_cheap_or_a_dear_configuration_bounds_the_reruns(file: Path) -> None:
    study = load_study(str(file), ["search.runs=12", "search.sampler=random"])
    ahead = look_ahead(study, slots=1)
    costs = [
        sum(pack.flops for pack in packs) for packs in (ahead.cheapest, ahead.rerun, ahead.dearest)
    ]
    assert costs == sorted(costs)
    assert costs[0] < costs[2]


def test_a_measured_kind_has_its_own_time_and_others_lie_between(file: Path) -> None:
    study = load_study(str(file), ["search.runs=30", "search.sampler=random"])
    packs = {work_of(pack): pack for pack in look_ahead(study, slots=1).every_pack}
    few, some, many = (packs[work] for work in sorted(packs)[:: max(1, (len(packs) - 1) // 2)][:3])
    speeds = Speeds({}).with_([speed(few, 0.01, setup=0.5), speed(many, 0.02)])
    steps = few.runs[0].configuration.steps
    assert speeds.seconds(few) == 0.5 + steps * 0.01
    per_operation = [each.update / each.work for each in speeds.known.values()]
    between = (speeds.seconds(some) - 0.5) / some.flops
    assert min(per_operation) <= between * (1 + 1e-9)
    assert between <= max(per_operation) * (1 + 1e-9)
    assert len(speeds.left_out()) == 2


def test_speeds_are_kept_for_the_place_at_which_they_were_measured(
    sample: Study, cache: Path
) -> None:
    speeds = measured(look_ahead(sample, 1).packs)
    assert load_speeds("cpu").known == {}
    keep_speeds(speeds, "cpu")
    assert load_speeds("cpu") == speeds
    assert load_speeds("cuda").known == {}
    (file,) = cache.glob("speed-*.json")
    file.write_text("not JSON")
    assert load_speeds("cpu").known == {}
    keep_speeds(speeds, "cpu")
    assert load_speeds("cpu") == speeds


def test_a_cache_that_others_may_write_is_not_used(sample: Study, cache: Path) -> None:
    keep_speeds(measured(look_ahead(sample, 1).packs))
    cache.chmod(0o777)
    assert load_speeds().known == {}
    keep_speeds(Speeds({}))  # no error


def test_what_is_recorded_now_and_then_is_measured_by_its_name() -> None:
    record = Record(full_every=100, gradients_every=25, held_out_every=0, sketch_every=20)
    assert _cadences(record) == {"full_every": 100, "gradients_every": 25, "sketch_every": 20}
    alone = _recording(record, ["full_every"])
    assert _cadences(alone) == {"full_every": 100}
    assert alone.points == record.points


def test_a_kind_of_pack_is_measured_once_and_of_many_some(sample: Study) -> None:
    packs = look_ahead(sample, 1).packs
    assert len({kind_of(pack) for pack in packs}) == len(chosen([*packs, *packs]))
    wide = [
        PackPlan(f"{width}", (_of_width(packs[0], width),)) for width in range(8, 8 + 2 * KINDS)
    ]
    some = chosen(wide)
    assert len({kind_of(pack) for pack in some}) == KINDS
    assert {wide[0].pack_id, wide[-1].pack_id} <= {pack.pack_id for pack in some}


def _of_width(pack: PackPlan, width: int) -> Run:
    run = pack.runs[0]
    network = replace(run.configuration.network, width=width)
    return replace(run, configuration=replace(run.configuration, network=network))


def test_packs_are_measured_by_training_them(sample: Study) -> None:
    packs = chosen(look_ahead(sample, 2).packs)
    speeds = measure(packs[:2], processes=2, device="cpu", threads=1)
    assert [each.kind for each in speeds] == [kind_of(pack) for pack in packs[:2]]
    assert all(each.update > 0 and each.setup >= 0 and each.first >= 0 for each in speeds)


def estimated(study: Study, update: float, slots: int = 1) -> Estimate:
    place = estimate_module.place_of(study.resources, slots)
    keep_speeds(measured(look_ahead(study, slots).every_pack, update), place)
    found = known_estimate(study, sizes(study), slots)
    assert found is not None
    return found


def test_an_estimate_adds_up_packs_and_what_is_beside_them(sample: Study) -> None:
    assert known_estimate(sample, sizes(sample), 1) is None
    small, large = estimated(sample, 1.0), estimated(sample, 2.0)
    updates = sum(pack.runs[0].configuration.steps for pack in look_ahead(sample, 1).packs)
    assert large.seconds - small.seconds == pytest.approx(estimate_module.BESIDE * updates)
    assert small.low < small.seconds < small.high
    assert small.runs == 4 + 2 + 2 * 2
    assert small.packs == len(look_ahead(sample, 1).packs)
    assert small.measured == small.kinds
    assert small.cost is None
    assert f"{small.kinds} of {small.kinds} kinds of packs measured here" in small.time_in_words


def test_more_slots_take_less_time(file: Path) -> None:
    study = load_study(str(file), ["search.runs=24", "search.sampler=random", "resources.pack=1"])
    seconds = [estimated(study, 1.0, slots).seconds for slots in (1, 2, 4)]
    assert all(more < less for less, more in pairwise(seconds))


def test_kinds_that_were_not_measured_widen_the_reach(sample: Study) -> None:
    ahead = look_ahead(sample, 1)
    place = estimate_module.place_of(sample.resources, 1)
    keep_speeds(measured(ahead.packs[:1]), place)
    found = known_estimate(sample, sizes(sample), 1)
    assert found is not None
    assert found.measured == 1 < found.kinds
    complete = estimated(sample, 0.1)
    assert math.log(found.high / found.low) > math.log(complete.high / complete.low)


def test_a_price_makes_a_cost_and_changes_no_run(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "resources.price=3.6")
    found = estimated(study, 1.0)
    assert found.cost == pytest.approx(found.seconds * 1e-3)
    assert f"for about {found.cost:.3g}" in found.time_in_words
    names = {run.run_id for pack in look_ahead(study, 1).packs for run in pack.runs}
    free = sample_study(tmp_path)
    assert names == {run.run_id for pack in look_ahead(free, 1).packs for run in pack.runs}
    with pytest.raises(StudyError, match="price"):
        sample_study(tmp_path, "resources.price=-1")


def test_plan_says_it_and_the_study_that_begins_does_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample_study(folder)
    cores = this_machine(with_gpus=False).cpus  # so that one process measures
    small = ("base.phases.0.steps=6", "rerun.seeds=1", f"resources.cpus={cores:g}")
    code, said, _ = pinn_sweep("plan", "sample.yaml", *small)
    assert code == 0
    first, second = said.splitlines()
    assert first.startswith("sample: 8 runs, a pack takes up to ")
    assert "1 at a time: about" in second
    assert sorted(file.name for file in folder.iterdir()) == ["cache", "sample.yaml"]
    assert f"time of sample: {second}" in pinn_sweep("doctor", "sample.yaml", *small)[1]
    screen = StringIO()
    monkeypatch.setattr(launch, "bring_report_up_to_date", lambda *_: None)
    launch.run_study(
        load_study("sample.yaml", small),
        runs_dir="runs",
        executor="inline",
        console=Console(file=screen, width=200),
    )
    assert second in screen.getvalue()


def test_a_plan_has_all_numbers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sample: Study
) -> None:
    packs = look_ahead(sample, 1).every_pack
    monkeypatch.setattr(estimate_module, "measure", lambda *_: list(measured(packs).known.values()))
    code, said, _ = pinn_sweep("plan", "sample.yaml", "rerun.seeds=2", "--slots", "1", "--json")
    plan = json.loads(said)
    assert (code, plan["runs"], plan["slots"]) == (0, 4 + 2 + 2 * 2, 1)
    assert plan["low"] < plan["seconds"] < plan["high"]
    assert plan["measured"] == plan["kinds"] > 1


@pytest.mark.parametrize(("load", "said"), [(20.0, True), (1.0, False)])
def test_a_plan_on_a_busy_machine_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sample: Study, load: float, said: bool
) -> None:
    packs = look_ahead(sample, 1).every_pack
    monkeypatch.setattr(estimate_module, "measure", lambda *_: list(measured(packs).known.values()))
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    code, _, progress = pinn_sweep("plan", "sample.yaml", "--slots", "1")
    assert code == 0
    assert ("this machine is busy (load 20 on 2 cores)" in progress) == said


def test_a_study_on_a_machine_that_was_not_measured_says_how_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "bring_report_up_to_date", lambda *_: None)
    study, screen = sample_study(folder, "base.phases.0.steps=2", "rerun.seeds=1"), StringIO()
    launch.run_study(
        study, runs_dir="runs", executor="inline", console=Console(file=screen, width=200)
    )
    assert "pinn-sweep plan sample" in screen.getvalue()


def test_a_plan_of_what_cannot_be_is_refused(folder: Path) -> None:
    (folder / "study.yaml").write_text(TEXT)
    code, _, message = pinn_sweep("plan", "study.yaml", "resources.cpus=4096")
    assert (code, "4096 CPUs" in message) == (2, True)
    code, _, message = pinn_sweep("plan", "dmo")
    assert (code, "did you mean 'demo'" in message) == (2, True)
    assert [file.name for file in folder.iterdir()] == ["study.yaml"]
