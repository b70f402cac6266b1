"""An equation and methods of one's own, with the program installed from its wheel."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from shutil import copytree

import pytest

from tests.wheel.installed import ROOT, installed

SMALL = (
    *("base.problem.points_x=9", "base.problem.points_t=9", "base.record.points=20"),
    *("base.network.width=8", "base.network.depth=1", "models.gated.base.network.width=4"),
    *("base.phases.0.steps=4", "models.lion.base.phases.0.steps=4", "rerun.seeds=1"),
)


@pytest.mark.slow
def test_the_example_runs_through_ray_and_verifies(tmp_path: Path) -> None:
    commands = installed(tmp_path)
    copytree(ROOT / "examples" / "own_methods", tmp_path / "own", ignore=lambda *_: ["__pycache__"])
    said = _run(tmp_path, commands / "python", "-c", "import sweeps; print(sweeps.__file__)")
    assert Path(said.strip()).is_relative_to(commands.parent)
    said = _run(tmp_path, commands / "pinn-sweep", "run", "own/fisher.yaml", *SMALL)
    assert (tmp_path / "runs" / "fisher" / "report" / "index.html").exists(), said
    manifests = (tmp_path / "runs" / "fisher" / "store").glob("*.json")
    plugins = [part for file in manifests for part in json.loads(file.read_text())["plugins"]]
    families = {part.partition("/")[0] for part in plugins}
    assert families == {"problem", "activation", "weighting", "optimizer", "network", "probe"}
    said = _run(tmp_path, commands / "pinn-sweep", "verify", "own/fisher.yaml")
    assert "12 runs replayed to the bit" in said


def _run(folder: Path, *command: str | Path) -> str:
    left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
