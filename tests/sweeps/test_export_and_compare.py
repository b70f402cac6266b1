"""``pinn-sweep export`` and ``compare``, and the same from Python, on studies that ran."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import pinn_sweeps as ps
from sweeps.errors import StudyError
from sweeps.store.folder import StudyFolder
from tests.sweeps.command import pinn_sweep


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*"))


@pytest.fixture
def runs(done: Path, tmp_path: Path) -> Path:
    """A copy of the runs folder, and of its study in another."""
    shutil.copytree(done / "runs" / "sample", tmp_path / "runs" / "sample")
    shutil.copytree(done / "runs" / "sample", tmp_path / "elsewhere" / "sample")
    return tmp_path / "runs"


def test_export_writes_both_tables(runs: Path) -> None:
    code, said, _ = pinn_sweep("export", "sample", "--to", "csv", "--runs-dir", runs)
    folder = StudyFolder.of(runs, "sample").exports
    assert (code, said) == (0, f"runs: {folder}/runs.csv\ncurves: {folder}/curves.csv\n")
    table, curves = (pd.read_csv(folder / f"{name}.csv") for name in ("runs", "curves"))
    data = ps.load("sample", runs)
    assert sorted(table["run_id"]) == sorted(data.runs.index)
    assert {"phases.0.learning_rate", "objective.lambda_b"} <= set(table)
    assert curves.groupby("run_id").size().eq(7).all(), "six updates, seven rows"
    last = curves[curves["step"] == 6].set_index("run_id")["loss/regression"]
    finals = table.set_index("run_id")["final.loss/regression"]
    assert last.loc[finals.index].tolist() == finals.tolist()


def test_an_export_onto_a_file_is_refused(runs: Path, tmp_path: Path) -> None:
    output = tmp_path / "tables"
    words = ("export", "sample", "--to", "parquet", "--output", output, "--runs-dir", runs)
    assert pinn_sweep(*words)[0] == 0
    before = {file: file.stat().st_mtime_ns for file in output.iterdir()}
    code, said, message = pinn_sweep(*words)
    assert (code, said) == (2, "")
    assert "runs.parquet already exists; nothing was written" in message
    assert {file: file.stat().st_mtime_ns for file in output.iterdir()} == before
    (tmp_path / "file").write_text("")
    code, _, message = pinn_sweep(*words[:5], tmp_path / "file", *words[6:])
    assert (code, "is not a folder" in message) == (2, True)
    assert pinn_sweep("export", "sample", "--to", "xls", "--runs-dir", runs)[0] == 2


def test_export_of_a_study_that_has_not_run(folder: Path) -> None:
    code, _, message = pinn_sweep("export", "demo", "--to", "csv")
    assert code == 2
    assert "has not been run" in message
    assert files_in(folder) == []


def test_export_from_python(runs: Path, tmp_path: Path) -> None:
    files = ps.export("sample", "json", "whole", output=tmp_path / "new", runs_dir=runs)
    rows = json.loads(files.curves.read_text())
    assert len(rows) == 7 * len(ps.load("sample", runs).runs)
    with pytest.raises(StudyError, match="already exists"):
        ps.export("sample", "json", output=tmp_path / "new", runs_dir=runs)


def test_compare_by_name_and_by_folder(runs: Path) -> None:
    other = runs.parent / "elsewhere" / "sample"
    code, said, _ = pinn_sweep("compare", "sample", other, "--runs-dir", runs)
    assert code == 0
    assert "2 models in common" in said
    page = runs / "comparisons" / "sample+sample.html"
    assert said.rstrip().endswith(f"page: {page}")
    assert "All settings of the compared runs are the same." in page.read_text()
    code, said, _ = pinn_sweep("compare", "sample", other, "--runs-dir", runs, "--json")
    found = json.loads(said)
    assert [model["name"] for model in found["models"]] == ["pinn", "regression"]
    assert found["models"][0]["shared"] == 2
    assert found["page"] == str(page)


def test_compare_refuses_what_cannot_be_compared(runs: Path, tmp_path: Path) -> None:
    def message(*studies: str | Path) -> str:
        before = files_in(tmp_path)
        code, said, words = pinn_sweep("compare", *studies, "--runs-dir", runs)
        assert (code, said) == (2, "")
        assert files_in(tmp_path) == before, "nothing is created"
        return words

    assert "no study 'sampel'" in message("sample", "sampel")
    assert "did you mean 'sample'" in message("sample", "sampel")
    assert "needs two studies or more" in message("sample")
    assert "is named 2 times" in message("sample", "sample")
    assert "is not the folder of a study that ran" in message("sample", tmp_path)
    assert "nothing was written" in message("sample", runs.parent / "elsewhere/sample",
                                            "--output", runs / "sample/study.yaml")  # fmt: skip


def test_compare_from_python(runs: Path, tmp_path: Path) -> None:
    other = str(runs.parent / "elsewhere" / "sample")
    found = ps.compare("sample", other, runs_dir=runs, page=tmp_path / "page.html")
    assert found.studies == (f"sample ({runs})", f"sample ({runs.parent / 'elsewhere'})")
    assert (tmp_path / "page.html").is_file()
    for folder, gone in ((runs / "sample", "pinn"), (Path(other), "regression")):
        for file in (folder / "store").glob("*.json"):
            if json.loads(file.read_text())["model"] == gone:
                file.unlink()
    with pytest.raises(StudyError, match="no model is in all of these studies: sample"):
        ps.compare("sample", other, runs_dir=runs)
    for file in (runs / "sample" / "store").glob("*.json"):
        file.write_text(file.read_text().replace("regression", "regressoin"))
    with pytest.raises(StudyError, match="damaged"):
        ps.compare("sample", other, runs_dir=runs)
