"""The README's examples work as they stand there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from pinn_core.configuration import Configuration, Record
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn
from pinn_core.optimizers import Adam
from pinn_core.problems import PROBLEMS
from pinn_core.training.trainer import Member, train
from sweeps.errors import StudyError
from sweeps.study.study import load_study

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def block(language: str, place: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)[place]


def test_the_study_file_loads_and_its_defaults_are_written_out(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(block("yaml"), encoding="utf-8")
    study = load_study(str(file))
    assert study.name == "my-study"
    again = tmp_path / "resolved.yaml"
    again.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(str(again)) == study


def test_every_benchmark_is_listed() -> None:
    folder = Path(__file__).resolve().parents[1] / "benchmarks"
    commands = {
        file.parent.name if file.stem == "__main__" else file.stem
        for file in folder.rglob("*.py")
        if 'if __name__ == "__main__":' in file.read_text(encoding="utf-8")
    }
    (sentence,) = re.findall(r"`benchmarks` measures all of it\s*\((.*?)\)\.", README, re.DOTALL)
    listed = {
        name.removeprefix("python -m benchmarks.") for name in re.findall("`(.*?)`", sentence)
    }
    assert listed == commands


def test_a_wrong_study_file_is_refused_in_the_words_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(block("yaml").replace("gelu", "gelo"), encoding="utf-8")
    with pytest.raises(StudyError) as refused:
        load_study("study.yaml")
    assert f"```\n{refused.value}\n```" in README


def test_a_problem_of_ones_own_takes_about_fifty_lines_and_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = block("python")
    assert len([line for line in source.splitlines() if line.strip()]) <= 58
    monkeypatch.setattr(PROBLEMS, "_parts", dict(PROBLEMS._parts))
    file = tmp_path / "poisson_square.py"
    file.write_text(source, encoding="utf-8")
    runpy.run_path(str(file))
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
    file = tmp_path / "plate.py"
    file.write_text(block("python", 1), encoding="utf-8")
    made = runpy.run_path(str(file))
    assert list(made["PLATE"].parts) == ["bottom", "right", "top", "left", "hole"]
    held = [
        s.holds(made["grid"].supervised.coordinates)
        for c in made["conditions"].values()
        for s in c.segments
    ]
    assert all(on.any() for on in held)
