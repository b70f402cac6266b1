"""How much memory there is, and which errors mean that there was not enough."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pinn_core.training import memory
from pinn_core.training.memory import Memory, is_exhausted, memory_of, release


def test_this_machine_says_what_it_has() -> None:
    found = memory_of("cpu")
    if found is None:
        pytest.skip("this system does not say how much memory it has")
    assert 0 < found.free <= found.total


def test_a_container_with_less_than_its_machine_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  900 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory_of("cpu") == Memory(1_024_000, 921_600)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_of("cpu") == Memory(1_024_000, 921_600)
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 1000\ninactive_file 500\n")
    assert memory_of("cpu") == Memory(5000, 2500)


def test_a_system_that_says_nothing_sets_no_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "nothing")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory_of("cpu") is None


def test_torch_without_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_exhausted(caught.value)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_exhausted_memory_has_several_names(error: Exception) -> None:
    assert is_exhausted(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError(), OSError(28, "")])
def test_other_errors_are_other_errors(error: Exception) -> None:
    assert not is_exhausted(error)


def test_giving_back_needs_nothing_to_give() -> None:
    release("cpu")
