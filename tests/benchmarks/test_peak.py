"""The peak is arithmetic that was really done, by as many threads as asked for."""

from __future__ import annotations

import pytest

from benchmarks import peak
from pinn_core.engine.backends import library


@pytest.mark.skipif(library.missing() is not None, reason=f"no compiler: {library.missing()}")
@pytest.mark.parametrize("threads", [1, 2])
def test_multiply_adds_have_a_rate_that_a_core_can_have(threads: int) -> None:
    (seconds,) = [case() for case in peak.cases(threads=threads).values()]
    assert 1e-13 < seconds < 1e-8


def test_without_a_compiler_a_matrix_product_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "_loop", lambda: None)
    monkeypatch.setitem(peak.SIDES, "cpu", (128, 256))
    found = peak.cases()
    assert len(found) == 2
    assert all(1e-13 < case() < 1e-7 for case in found.values())
