"""Training one pack: in parts where memory is short, each run once, with the same numbers."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import pytest

from pinn_core.training.checkpoint import Due, every_seconds
from sweeps.execution import training
from sweeps.execution.context import WorkerContext
from sweeps.execution.training import train_pack
from sweeps.search.search import ModelSearch
from sweeps.store import faults
from sweeps.store.store import Store
from sweeps.study.plan import PackPlan, make_packs
from tests.sweeps.samples import sample_study


@pytest.fixture(autouse=True)
def no_fault_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "reached", Counter())


@pytest.fixture
def pack(tmp_path: Path) -> PackPlan:
    study = sample_study(tmp_path, "base.phases.0.steps=6", "resources.pack=4")
    (pack,) = make_packs(ModelSearch(study, "pinn").ask(), study.resources, 1)
    return pack


def place(folder: Path) -> WorkerContext:
    return WorkerContext(
        store=str(folder / "store"), metric="loss/regression", progress=str(folder / "news")
    )


def sizes(pack: PackPlan, folder: Path) -> list[int]:
    store = Store(place(folder).store)
    return [store.manifest(run.run_id).pack_size for run in pack.runs]


def digests(pack: PackPlan, folder: Path) -> list[str]:
    store = Store(place(folder).store)
    return [store.manifest(run.run_id).digest for run in pack.runs]


def test_a_pack_that_does_not_fit_is_halved_and_keeps_its_numbers(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_pack(pack, place(tmp_path / "whole"))
    monkeypatch.setenv("SWEEP_FAULT", "in_step:3:enomem")
    halved = train_pack(pack, place(tmp_path / "halved"))
    assert halved == whole
    assert sizes(pack, tmp_path / "whole") == [4, 4, 4, 4]
    assert sizes(pack, tmp_path / "halved") == [2, 2, 2, 2]
    assert digests(pack, tmp_path / "halved") == digests(pack, tmp_path / "whole")


def test_a_half_that_does_not_fit_is_halved_again(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = iter([True, False, True, False, False])  # all four, a half, the other, its halves

    def reach(site: str) -> None:
        if site == "in_step:3" and next(lacking):
            raise MemoryError

    monkeypatch.setattr(training, "reach", reach)
    train_pack(pack, place(tmp_path))
    assert sizes(pack, tmp_path) == [2, 2, 1, 1]


def test_one_run_that_does_not_fit_is_an_error_that_names_it(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "in_step:3@every:enomem")
    expected = (
        rf"run {pack.runs[0].run_id} alone .* memory of cpu: width 4, .* a grid of 512 points"
    )
    with pytest.raises(MemoryError, match=expected):
        train_pack(pack, place(tmp_path))
    assert not Store(place(tmp_path).store).committed()


def test_what_was_committed_before_memory_ran_out_is_not_trained_again(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = PackPlan("alone", pack.runs[:1])
    values = train_pack(alone, place(tmp_path))
    monkeypatch.setenv("SWEEP_FAULT", "in_step:3:enomem")
    values |= train_pack(pack, place(tmp_path))
    assert list(values) == [run.run_id for run in pack.runs]
    assert sizes(pack, tmp_path) == [1, 2, 2, 1]


def test_a_pack_too_large_for_its_part_of_the_memory_starts_in_parts(
    pack: PackPlan, tmp_path: Path
) -> None:
    tiny = WorkerContext(**{**vars(place(tmp_path)), "memory": 1e-12})
    train_pack(pack, tiny)
    assert sizes(pack, tmp_path) == [1, 1, 1, 1]


def test_the_note_of_a_halved_pack_counts_all_its_runs(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "in_step:3:enomem")
    monkeypatch.setattr(training, "NEWS_EVERY", 0.0)
    notes = []

    def look(site: str) -> None:
        notes.extend(json.loads(file.read_text()) for file in (tmp_path / "news").glob("*.json"))
        faults.reach(site)

    monkeypatch.setattr(training, "reach", look)
    train_pack(pack, place(tmp_path))
    assert {(note["runs"], note["steps"]) for note in notes} == {(4, 24)}
    shares = [note["step"] / note["steps"] for note in notes]
    assert shares[-1] == 22 / 24
    assert shares.index(2 / 24) < shares.index(14 / 24)


class Ticks:
    """A clock that is a second further whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are made, in order; a checkpoint lies after every second one."""
    made: list[int] = []

    def look(site: str) -> None:
        if site.startswith("in_step:"):
            made.append(int(site.removeprefix("in_step:")))
        faults.reach(site)

    def every_second_step(seconds: float) -> Due:
        return every_seconds(2.0, clock=Ticks())

    monkeypatch.setattr(training, "reach", look)
    monkeypatch.setattr(training, "every_seconds", every_second_step)
    return made


def checkpoints(folder: Path) -> list[str]:
    found = (folder / "store" / "checkpoints").glob("*")
    return sorted(file.suffix for file in found)


def test_a_long_training_goes_on_in_the_middle_with_the_same_bits(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]
) -> None:
    train_pack(pack, place(tmp_path / "whole"))
    steps.clear()
    monkeypatch.setenv("SWEEP_FAULT", "in_step:5:raise")
    with pytest.raises(faults.Fault):
        train_pack(pack, place(tmp_path / "resumed"))
    assert checkpoints(tmp_path / "resumed") == [".json", ".safetensors"]
    train_pack(pack, place(tmp_path / "resumed"))
    assert steps == [1, 2, 3, 4, 5, 5, 6]  # one of six was made twice
    assert digests(pack, tmp_path / "resumed") == digests(pack, tmp_path / "whole")
    assert checkpoints(tmp_path / "resumed") == []


@pytest.mark.parametrize("damage", ["flip", "truncate", "pickle"])
def test_a_damaged_checkpoint_in_the_store_is_set_aside(
    damage: str,
    pack: PackPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[int],
) -> None:
    train_pack(pack, place(tmp_path / "whole"))
    monkeypatch.setenv("SWEEP_FAULT", "in_step:5:raise")
    with pytest.raises(faults.Fault):
        train_pack(pack, place(tmp_path))
    (file,) = (tmp_path / "store" / "checkpoints").glob("*.safetensors")
    whole = file.read_bytes()
    content = {
        "flip": whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        "truncate": whole[: len(whole) // 2],
        "pickle": pickle.dumps({"parameters": [1.0]}),
    }
    file.write_bytes(content[damage])
    steps.clear()
    train_pack(pack, place(tmp_path))
    assert steps == [1, 2, 3, 4, 5, 6]
    assert digests(pack, tmp_path) == digests(pack, tmp_path / "whole")
    assert (tmp_path / "store" / "set-aside" / file.name).read_bytes() == content[damage]


def test_a_store_that_takes_no_checkpoint_stops_nothing(
    pack: PackPlan, tmp_path: Path, steps: list[int]
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "checkpoints").write_text("in the way")
    train_pack(pack, place(tmp_path))
    assert len(Store(place(tmp_path).store).committed()) == len(pack.runs)


def test_the_pack_with_a_run_can_be_made_to_fail(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_FAULT", f"in_run:{pack.runs[2].run_id}@every:raise")
    train_pack(PackPlan("innocent", pack.runs[:2]), place(tmp_path))
    with pytest.raises(faults.Fault):
        train_pack(pack, place(tmp_path))


def test_a_clock_that_jumps_back_makes_no_negative_durations(
    pack: PackPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter(range(10, 0, -1))
    monkeypatch.setattr(training.time, "time", lambda: 3600.0 * next(hours))
    train_pack(pack, place(tmp_path))
    assert all(one.seconds > 0 for one in Store(place(tmp_path).store).manifests())
