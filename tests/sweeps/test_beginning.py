"""``pinn-sweep init``: what it writes can be run, and replaces no file."""

from __future__ import annotations

from pathlib import Path

import pytest

import pinn_sweeps as ps
from pinn_core.problems import PROBLEMS
from sweeps.display.starting import Beginning, begin_study
from sweeps.study.study import load_study
from tests.sweeps.command import pinn_sweep


@pytest.fixture
def problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plugin registers is gone afterwards."""
    monkeypatch.setattr(PROBLEMS, "_parts", dict(PROBLEMS._parts))


@pytest.mark.parametrize("problem", PROBLEMS.names())
def test_a_study_about_every_shipped_problem_is_valid(problem: str, tmp_path: Path) -> None:
    (file,) = begin_study(Beginning(name="new", problem=problem, seeds=7), tmp_path)
    study = load_study(str(file))
    assert study.rerun.seeds == 7
    assert study.base.problem.kind == problem
    reference = PROBLEMS[problem].reference
    assert ("regression" in study.models) == (reference != "none")


def test_a_problem_of_ones_own_runs_as_it_was_written(folder: Path, problems: None) -> None:
    code, said, _ = pinn_sweep(
        "init", "my-eq", "--problem", "--steps", "4", "--runs", "2", "--seeds", "1"
    )
    assert code == 0
    assert said.startswith("written: my-eq.yaml\nwritten: my_eq.py\n")
    smaller = ("base.problem.points_per_axis=7", "base.record.points=16")
    smaller += ("base.record.full_every=4", "base.network.width=4")
    smaller += ("models.regression.objective.batch=8",)
    results = ps.run("my-eq.yaml", smaller, executor="inline")
    assert len(results.runs) == 2 * 3
    assert set(results.runs["problem.kind"]) == {"my_eq"}


def test_nothing_is_overwritten(folder: Path) -> None:
    (folder / "new.yaml").write_text("mine")
    for words in (("init", "new"), ("init", "new", "--problem")):
        code, said, message = pinn_sweep(*words)
        assert (code, said) == (2, "")
        assert "new.yaml already exists; nothing was written" in message
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("new.yaml", "mine")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a b",), "letters, digits"),
        (("../up",), "letters, digits"),
        (("new", "--about", "heet"), "did you mean 'heat'"),
        (("heat", "--problem"), "give yours another name"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], said: str, folder: Path) -> None:
    code, _, message = pinn_sweep("init", *words)
    assert (code, said in message) == (2, True), message
    assert list(folder.iterdir()) == []
