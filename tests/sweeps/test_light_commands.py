"""What only reads, lists and refuses needs none of the libraries that take seconds to import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "ray", "mlflow", "optuna", "pandas", "matplotlib", "sqlalchemy")
COMMAND = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {HEAVY}:
            raise ImportError(name)

sys.meta_path.insert(0, Missing())
from sweeps.cli import main
main()
"""


def pinn_sweep(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where none of the heavy libraries is installed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "Hyperparameter studies"),
        (["list", "problems"], "Heat equation with held sides."),
        (["list", "networks"], "blocks of two layers each"),
        (["list", "samplers"], "Tree-structured Parzen estimator"),
        (["list", "studies"], "demo"),
        (["list", "problems", "heat"], "points_per_axis  26       points  whole number"),
        (["run", "--help"], "[default: (this machine)]"),
        (["--version"], "pinn-sweep "),
    ],
)
def test_lists_and_help_import_nothing_heavy(arguments: list[str], said: str) -> None:
    done = pinn_sweep(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert said in done.stdout


def test_a_wrong_study_is_refused_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    done = pinn_sweep("run", "demo", "base.network.activation=gelo", f"--runs-dir={file.parent}")
    assert done.returncode == 2
    assert "did you mean 'gelu'?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_status_of_a_grid_imports_nothing_heavy(tmp_path: Path) -> None:
    from sweeps.store.folder import StudyFolder
    from sweeps.store.kept_study import sealed
    from sweeps.study.study import load_study

    study = load_study("plateaus", ["name=small", "search.runs=4"])
    folder = StudyFolder.of(tmp_path, study.name)
    folder.path.mkdir()
    folder.study_file.write_text(sealed(study))
    done = pinn_sweep("status", "small", f"--runs-dir={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "0/4" in done.stdout
