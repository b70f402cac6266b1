"""The notebooks of the examples: their cells run, one after the other, in an empty folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from pinn_core.problems import PROBLEMS

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples" / "notebooks").glob("*.ipynb"))
QUICKER = {"steps: 1000": "steps: 30", "steps: 1500": "steps: 30", "STEPS = 3000": "STEPS = 200"}
"""What makes them quick enough for a test; each is in one of them."""


def cells(notebook: Path) -> list[str]:
    """The source of its code cells."""
    document = json.loads(notebook.read_text(encoding="utf-8"))
    assert document["nbformat"] == 4
    return ["".join(one["source"]) for one in document["cells"] if one["cell_type"] == "code"]


def test_there_are_three_and_none_keeps_its_output() -> None:
    assert [one.stem for one in NOTEBOOKS] == ["first_study", "my_equation", "reading_a_plateau"]
    for notebook in NOTEBOOKS:
        assert '"outputs": []' in notebook.read_text(encoding="utf-8")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.stem)
def test_its_cells_run(notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PINN_SWEEP_RUNS", raising=False)
    monkeypatch.setattr(PROBLEMS, "_parts", dict(PROBLEMS._parts))
    scope: dict[str, Any] = {"__name__": "__main__"}
    for source in cells(notebook):
        for slow, quick in QUICKER.items():
            source = source.replace(slow, quick)
        exec(compile(source, notebook.name, "exec"), scope)
    import matplotlib.pyplot as plt

    assert plt.get_fignums()
    plt.close("all")
