"""Each table really can be measured: its quick look, rows and columns."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import diagnostics, packs, step
from benchmarks.command import main

COLUMNS = {
    "step": "size activation backend pack ms_both ms_complete vs_deepxde_both vs_deepxde_step"
    " vs_autograd ms_propagation peak_fraction",
    "packs": "kind backend threads pack seconds_per_run speedup",
    "diagnostics": "model batch width pack record ms_step ms_bare ratio",
}


@pytest.mark.slow
@pytest.mark.parametrize("module", [step, packs, diagnostics], ids=lambda one: one.__name__)
def test_a_quick_look_fills_every_column(module: Any, tmp_path: Path) -> None:
    name = module.__name__.removeprefix("benchmarks.")
    file = tmp_path / "quick.json"
    main(name, module.measure, arguments=["--quick", "--json", str(file)])
    result = json.loads(file.read_text())
    assert result["rows"]
    for row in result["rows"]:
        assert list(row) == COLUMNS[name].split()
        numbers = [value for value in row.values() if isinstance(value, float)]
        assert all(math.isfinite(number) and number > 0 for number in numbers)
    module.figure(result, tmp_path / "figure.png")
    assert module.section(result)


@pytest.mark.slow
def test_a_machine_without_deepxde_has_empty_columns_and_is_told_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(step, "_deepxde", lambda: None)
    monkeypatch.setattr(step, "QUICK", step.QUICK[:1])
    rows, notes = step.measure(quick=True, devices=("cpu",))
    peer = next(row for row in rows if row["backend"] == "deepxde")
    ours = next(row for row in rows if row["backend"] == "eager")
    assert peer["ms_both"] is None
    assert ours["vs_deepxde_both"] is None
    assert ours["vs_autograd"] > 0
    assert any("pinn-sweeps[benchmarks]" in note for note in notes)
