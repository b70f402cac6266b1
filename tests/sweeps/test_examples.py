"""The examples, as a user runs them: through the command line, from another folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = Path(sys.executable).with_name("pinn-sweep")
FEW = ("base.phases.0.steps=40", "base.record.held_out_every=20", "rerun.seeds=1")


def said(folder: Path, *words: object) -> str:
    done = subprocess.run(
        [COMMAND, *map(str, words), "--runs-dir", folder / "runs"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "plugin", "small", "in_report"),
    [
        ("no_reference/fisher.yaml", "no_reference/fisher_kpp.py", FEW, "The curve of loss/total"),
        ("unknown/rod.yaml", "unknown/rod.py", FEW, "Unknown coefficients"),
        (
            "steady_heat/offset-and-delay.yaml",
            "steady_heat/steady_heat.py",
            ("reduced=true",),
            "offset-once",
        ),
    ],
)
def test_an_example_runs_is_verified_and_reported(
    study: str, plugin: str, small: tuple[str, ...], in_report: str, tmp_path: Path
) -> None:
    said(tmp_path, "run", EXAMPLES / study, *small)
    (name,) = (each.name for each in (tmp_path / "runs").iterdir() if (each / "store").is_dir())
    assert "all is well" in said(tmp_path, "verify", name, "--plugin", EXAMPLES / plugin)
    page = (tmp_path / "runs" / name / "report" / "index.html").read_text()
    assert in_report in page
