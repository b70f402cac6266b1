"""The README, and the pages that its examples moved to, show what works."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest

import pinn_sweeps as ps
from pinn_core.configuration import Configuration, Record
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn
from pinn_core.optimizers import Adam
from pinn_core.parts import FAMILIES
from pinn_core.problems import PROBLEMS
from pinn_core.training.trainer import Member, train
from sweeps.errors import StudyError
from sweeps.study.study import load_study
from tests.docs.pages import Page

ROOT = Path(__file__).resolve().parents[1]
README = Page(ROOT / "README.md")
STUDY_FILE = Page(ROOT / "docs" / "study-file.md")
OWN_EQUATION = Page(ROOT / "docs" / "tutorials" / "own-equation.md")


def file(page: Page, name: str) -> str:
    """What a page shows as the content of a file."""
    return next(block.text for block in page.blocks if block.name == name)


def test_the_readme_takes_a_screen_and_a_half() -> None:
    assert len(README.text.splitlines()) <= 130
    assert len(README.text.split()) <= 900


def test_an_equation_of_ones_own_takes_about_fifteen_lines_and_gets_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for line in file(README, "fisher.py").splitlines() if line.strip()]
    assert len(lines) <= 18
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PROBLEMS, "_parts", dict(PROBLEMS._parts))
    README.write_files(tmp_path)
    smaller = ("base.phases.0.steps=5", "base.record.held_out_every=5", "rerun.seeds=1")
    results = ps.run("fisher.yaml", smaller, executor="inline")
    assert set(results.runs["problem.kind"]) == {"my_fisher"}
    assert (tmp_path / "runs" / "fisher" / "report" / "index.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_that_the_readme_builds_and_installs_runs_the_demo(tmp_path: Path) -> None:
    checkout, environment = tmp_path / "checkout", tmp_path / "environment"
    clone = ("git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", checkout)
    subprocess.run(clone, check=True)
    venv.create(environment, with_pip=True)
    below = sysconfig.get_path("purelib", vars={"base": str(environment)})
    Path(below, "packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    (commands,) = re.findall(r"^```sh\n(python -m pip.*?)^```$", README.text, re.M | re.S)
    path = f"{environment / 'bin'}:{os.environ['PATH']}"
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",  # they are this environment's
        "PIP_NO_BUILD_ISOLATION": "0",  # 0: there is no isolation
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=checkout,
        env={**os.environ, **offline, "PATH": path, "PYTHONSAFEPATH": "1"} | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout / "runs" / "demo" / "report" / "index.html").is_file()


def test_the_study_file_loads_and_its_defaults_are_written_out(tmp_path: Path) -> None:
    STUDY_FILE.write_files(tmp_path)
    study = load_study(str(tmp_path / "study.yaml"))
    assert study.name == "my-study"
    again = tmp_path / "resolved.yaml"
    again.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(str(again)) == study


def test_every_benchmark_is_listed() -> None:
    commands = {
        module.parent.name if module.stem == "__main__" else module.stem
        for module in (ROOT / "benchmarks").rglob("*.py")
        if 'if __name__ == "__main__":' in module.read_text(encoding="utf-8")
    }
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"`benchmarks` measures all of it\s*\((.*?)\)\.", page, re.DOTALL)
    listed = {
        name.removeprefix("python -m benchmarks.") for name in re.findall("`(.*?)`", sentence)
    }
    assert listed == commands


def _from_elsewhere(part: object) -> bool:
    """Whether another test in this process registered it."""
    home = getattr(part, "__module__", "pinn_core")
    return not home.startswith("pinn_core")


@pytest.mark.parametrize(
    "family",
    [
        "problem",
        "network",
        "activation",
        "inputs",
        "weighting",
        "aggregation",
        "optimizer",
        "probe",
    ],
)
def test_the_page_of_choices_names_every_shipped_part(family: str) -> None:
    page = (ROOT / "docs" / "choices.md").read_text(encoding="utf-8")
    parts = FAMILIES[family]
    shipped = [kind for kind in parts.names() if not _from_elsewhere(parts[kind])]
    assert [kind for kind in shipped if not re.search(rf"\b{kind}\b", page)] == []


def test_a_wrong_study_file_is_refused_in_the_words_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = file(STUDY_FILE, "study.yaml").replace("gelu", "gelo")
    Path("study.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(StudyError) as refused:
        load_study("study.yaml")
    assert f"```\n{refused.value}\n```" in STUDY_FILE.text


def test_a_problem_of_ones_own_takes_about_fifty_lines_and_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = file(OWN_EQUATION, "poisson_square.py")
    assert len([line for line in source.splitlines() if line.strip()]) <= 58
    monkeypatch.setattr(PROBLEMS, "_parts", dict(PROBLEMS._parts))
    OWN_EQUATION.write_files(tmp_path)
    runpy.run_path(str(tmp_path / "poisson_square.py"))
    configuration = Configuration(
        problem=PROBLEMS["poisson_square"](points_per_axis=9),  # type: ignore[call-arg]
        network=Mlp(width=16, depth=2, activation="tanh"),
        objective=Pinn(lambda_b=10.0),
        phases=(Adam(steps=200, learning_rate=1e-2),),
        record=Record(points=32, gradient_points=16, full_every=0),
    )
    (trajectory,) = train([Member(configuration, seed=0)])
    loss = trajectory.table["loss/total"].to_pylist()
    assert loss[-1] < loss[0] / 2


def test_the_shape_has_the_parts_that_are_listed(tmp_path: Path) -> None:
    OWN_EQUATION.write_files(tmp_path)
    made = runpy.run_path(str(tmp_path / "plate.py"))
    assert list(made["PLATE"].parts) == ["bottom", "right", "top", "left", "hole"]
    held = [
        s.holds(made["grid"].supervised.coordinates)
        for c in made["conditions"].values()
        for s in c.segments
    ]
    assert all(on.any() for on in held)
