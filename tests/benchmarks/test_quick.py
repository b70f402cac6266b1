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
    "step": "size activation device threads pack code compile_seconds ms_step step_vs_ours"
    " ms_both both_vs_ours ms_propagation peak_fraction",
    "packs": "kind backend threads pack seconds_per_run speedup",
    "diagnostics": "model batch depth width pack record ms_step ms_bare ratio products",
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
