"""A study folder that was copied to another machine works there."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sweeps.cli import app
from sweeps.execution.launch import run_study
from tests.sweeps.samples import VERIFIED, sample_study

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Where a study ran, of which nothing is left, and the runs folder that it was copied to."""
    before, after = tmp_path_factory.mktemp("before"), tmp_path_factory.mktemp("after") / "runs"
    study = sample_study(before, *SMALL)
    console = Console(file=StringIO())
    assert run_study(study, runs_dir=before / "runs", executor="inline", console=console) == 0
    shutil.copytree(before / "runs" / "sample", after / "sample")
    shutil.rmtree(before)
    return before, after


def pinn_sweep(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_nothing_in_it_names_where_it_was(copied: tuple[Path, Path]) -> None:
    before, after = copied
    place = str(before).encode()
    files = [file for file in after.rglob("*") if file.is_file()]
    assert len(files) > 20
    assert not [file for file in files if place in file.read_bytes()]


def test_every_verb_works_on_the_copy(copied: tuple[Path, Path]) -> None:
    before, after = copied
    here = ("sample", "--runs-dir", after)
    assert json.loads(pinn_sweep("status", *here, "--json"))["complete"]
    assert "10 runs written" in pinn_sweep("sync", *here)
    assert "0 runs written, 10 already there" in pinn_sweep("sync", *here)
    assert pinn_sweep("verify", *here) == VERIFIED
    page = after / "sample" / "report" / "index.html"
    page.unlink()
    assert pinn_sweep("report", *here) == f"report: {page}\n"
    assert page.is_file()
    assert not before.exists()
