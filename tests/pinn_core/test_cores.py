"""The cores that a process may use: its affinity, or its container's share if that is less."""

import os
from pathlib import Path

import pytest

from pinn_core import cores
from pinn_core.cores import usable_cores


@pytest.fixture
def of_eight(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of eight cores; the file of its container's share, which is not there yet."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("quota", "usable"),
    [
        ("max 100000", 8),
        ("400000 100000", 4),
        ("250000 100000", 2),
        ("50000 100000", 1),
        ("1600000 100000", 8),
    ],
)
def test_a_container_has_the_whole_cores_of_its_share(
    of_eight: Path, quota: str, usable: int
) -> None:
    of_eight.write_text(f"{quota}\n")
    assert usable_cores() == usable


def test_without_a_container_it_is_the_affinity(
    of_eight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert usable_cores() == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5})
    assert usable_cores() == 1


def test_a_system_without_affinities_has_all_its_cores(
    of_eight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6
