"""Studies and runs by their names in Python: what is misspelt, and beginnings of ids."""

from __future__ import annotations

from pathlib import Path

import pytest

import pinn_sweeps as ps
from analysis.load import NoRuns
from tests.sweeps.command import pinn_sweep


def test_a_misspelt_study_is_refused_as_on_the_command_line(done: Path) -> None:
    _, _, message = pinn_sweep("status", "sampel", "--runs-dir", done / "runs")
    with pytest.raises(NoRuns) as refused:
        ps.load("sampel", done / "runs")
    assert message.startswith(f"pinn-sweep: {refused.value}\n")
    assert "there are sample; did you mean 'sample'?" in str(refused.value)


def test_a_run_is_named_by_the_beginning_of_its_id(done: Path) -> None:
    results = ps.load("sample", done / "runs")
    run_id = str(results.runs.index[0])
    assert results.trajectory(run_id[:8]).equals(results.trajectory(run_id))
    assert results.run(run_id[:8]).manifest.run_id == run_id
    with pytest.raises(KeyError, match="study 'sample' has no run 'xyz'"):
        results.trajectory("xyz")
    with pytest.raises(KeyError, match="has no run ''"):
        results.trajectory("")
