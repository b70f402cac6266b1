"""What the doctor says of the backend on the CPU, its compiler and its cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pinn_core.engine.backends import library
from sweeps.checking.doctor import Check
from sweeps.checking.doctor_backend import examine_backend
from tests.pinn_core.backends import needs_native
from tests.sweeps.command import pinn_sweep


@pytest.fixture(autouse=True)
def library_looked_for_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process has found once it keeps; here every test looks again."""
    monkeypatch.delenv("PINN_BACKEND", raising=False)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    for kept in (library.missing, library._built, library.function):
        kept.cache_clear()


def examined() -> dict[str, Check]:
    return {check.name: check for check in examine_backend()}


def without_compiler(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(cache))
    monkeypatch.setenv("PINN_CACHE", str(cache))


@needs_native
def test_it_names_the_library_that_serves_the_compiler_and_the_cache() -> None:
    _, said, _ = pinn_sweep("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(said)}
    assert checks["backend"]["found"] == f"native, {library.file()}"
    cache, *_ = checks["cache"]["found"].split(", because ")
    assert library.file().is_relative_to(cache)
    assert "c++" in checks["compiler"]["found"]
    assert any(letter.isdigit() for letter in checks["compiler"]["found"])


def test_without_a_compiler_the_slower_backend_serves_and_a_study_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_compiler(monkeypatch, tmp_path)
    reason = "no C++ compiler found: CXX is not set, none of c++, g++, clang++"
    checks = examined()
    assert checks["backend"] == Check(
        "backend",
        f"eager, which is slower than native: {reason}",
        True,
        "install a C++ compiler, or unset PINN_BACKEND",
    )
    assert checks["compiler"] == Check("compiler", reason, True)


def test_a_native_backend_that_is_asked_for_and_cannot_be_had_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_compiler(monkeypatch, tmp_path)
    monkeypatch.setenv("PINN_BACKEND", "native")
    assert not examined()["backend"].ok


def test_where_the_eager_backend_is_asked_for_nothing_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_BACKEND", "eager")
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    assert examined()["backend"].found == "eager, which PINN_BACKEND names"
    assert list(tmp_path.glob("cache/*")) == []


def test_a_backend_that_there_is_not_is_bad_and_the_allowed_ones_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PINN_BACKEND", "nativ")
    found = examined()["backend"]
    assert not found.ok
    assert "unknown backend 'nativ': allowed are auto, eager, native" in found.found


def test_a_cache_that_others_can_write_is_named_with_what_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_BACKEND", "eager")
    monkeypatch.setenv("PINN_CACHE", str(tmp_path))
    tmp_path.chmod(0o777)
    found = examined()["cache"]
    assert found.ok
    assert f"because every user can write in {tmp_path}" in found.found
