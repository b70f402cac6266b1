"""A shape of one's own in a plugin, through the command line: what it gives, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner

import pinn_sweeps as ps
from pinn_core import plugins
from pinn_core.parts import FAMILIES
from pinn_core.testing import check
from sweeps.cli import app
from sweeps.execution import launch

EXAMPLE = Path(__file__).parents[2] / "examples" / "lshape"
SMALL = [
    *("base.problem.points_per_axis=11", "base.network.width=8", "base.network.depth=1"),
    *("base.phases.0.steps=4", "base.record.points=20", "models.sobol.objective.batch=16"),
    *("models.sobol.objective.condition_batch=8", "rerun.seeds=1"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, whose parts are unknown again in the end."""
    copytree(EXAMPLE, tmp_path / "own", ignore=lambda *_: ["__pycache__"])
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "_parts", dict(family._parts))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "bracket", raising=False)
    monkeypatch.setattr(launch, "bring_report_up_to_date", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "own"


def test_the_example_runs_and_predicts_within_its_shape(folder: Path) -> None:
    best = ps.run("own/bracket.yaml", SMALL, executor="inline").best("sobol")
    assert best.predict([[-0.9, 0.9], [0.9, -0.9]], "residual").shape == (2, 1)
    with pytest.raises(ValueError, match=r"1 of 1 lie outside the domain, .*inside"):
        best.predict([[-0.5, -0.5]])  # in the hole


def test_the_example_keeps_the_contract(folder: Path) -> None:
    plugins.load("bracket.py", folder)
    check(ps.PROBLEMS["bracket"])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('part("hole")', 'part("hol")', "has no part 'hol', allowed: corner, outer, hole"),
        ("(-0.5, -0.5), 0.25", "(0.5, 0.5), 0.25", "part 'hole' vanished"),
        ("0.25", "5.0", "empty geometry: nothing is left"),
        ("((0, 0), (1, 0), (1, -1)", "((0, 0), (1, -1), (1, 0)", "Self-intersection"),
        ("return BRACKET", "return BRACKET.over(0, 1)", "has 3 dimensions, allowed: 2"),
        (
            "ps.clipped(BRACKET, problem",
            "ps.lattice(ps.Box((-1.0, -1.0), (1.0, 1.0)), problem",
            "29 points outside its domain, the first is (",
        ),
    ],
)
def test_a_wrong_shape_is_refused_before_anything_is_made(
    folder: Path, old: str, new: str, complaint: str
) -> None:
    file = folder / "bracket.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    result = CliRunner().invoke(app, ["run", "own/bracket.yaml", *SMALL])
    assert result.exit_code == 2, result.output
    assert complaint in result.stderr
    assert result.stderr.startswith("pinn-sweep: ") and "Traceback" not in result.stderr
    assert [entry.name for entry in folder.parent.iterdir()] == ["own"]
