"""From a study to the solution of one of its runs: what was recorded is what is predicted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pinn_sweeps as ps
from analysis.load import NoRuns
from pinn_sweeps.results import StudyResults
from sweeps.errors import StudyError
from tests.sweeps.samples import sample_study

OVERRIDES = ("base.phases.0.steps=20", "rerun.seeds=2")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    folder = tmp_path_factory.mktemp("done")
    return ps.run(sample_study(folder, *OVERRIDES), runs_dir=folder / "runs", executor="inline")


def test_every_runs_prediction_has_the_errors_that_were_recorded(results: StudyResults) -> None:
    for run_id in results.runs.index:
        run = results.run(run_id)
        grid = run.solution().configuration.problem.grid()
        everywhere = [grid.interior, grid.supervised]
        points = np.concatenate([part.coordinates for part in everywhere])
        exact = np.concatenate([part.exact for part in everywhere])
        values = run.predict(points, batch=100).astype(float)
        residual = run.predict(grid.interior.coordinates, "residual").astype(float)
        last = results.trajectory(run_id).iloc[-1]
        error = np.sqrt(((values - exact) ** 2).sum() / (exact**2).sum())
        assert error == pytest.approx(last["full/error/relative_l2"], rel=1e-6)
        assert (residual**2).mean() == pytest.approx(last["full/loss/residual"], rel=1e-5)


def test_the_best_run_is_that_of_the_studys_metric(results: StudyResults) -> None:
    finals = {
        run_id: results.trajectory(run_id)["loss/regression"].iloc[-1]
        for run_id in results.runs.index
    }
    for model in (None, "pinn", "regression"):
        models = [model] if model else ["pinn", "regression"]
        chosen = results.runs.index[results.runs["model"].isin(models)]
        best = min(chosen, key=lambda run_id: finals[run_id])
        assert results.best(model).manifest.run_id == best


def test_a_study_that_ran_goes_on_by_its_name(results: StudyResults) -> None:
    runs_dir = results.folder.path.parent
    again = ps.run("sample", runs_dir=runs_dir, executor="inline")
    assert set(again.runs.index) == set(results.runs.index)
    with pytest.raises(ps.StudyError, match="'sampel'"):
        ps.run("sampel", runs_dir=runs_dir, executor="inline")


def test_a_step_that_is_not_stored_is_replayed(results: StudyResults) -> None:
    run = results.best("pinn")
    start, end = run.solution(0), run.solution()
    distance = np.linalg.norm(end.parameters - start.parameters)
    recorded = results.trajectory(run.manifest.run_id)["update/distance"].iloc[-1]
    assert distance == pytest.approx(recorded, rel=1e-5)
    assert run.solution(20).parameters.tobytes() == end.parameters.tobytes()
    assert run.predict([[0.5, 0.5, 0.5]], step=3).shape == (1, 1)


def test_what_there_is_not_is_refused(results: StudyResults, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="model: found 'pin', allowed: pinn, regression"):
        results.best("pin")
    with pytest.raises(StudyError, match="step: found 21, allowed: 0 to 20"):
        results.best().solution(21)
    with pytest.raises(NoRuns):
        ps.load("nothing", tmp_path)


PLUGIN = """
from dataclasses import dataclass
import pinn_sweeps as ps

@ps.WEIGHTINGS.register("scaled_weights")
@dataclass(frozen=True, kw_only=True)
class Scaled(ps.Weighting):
    "All weights times a number."
    def start(self, sizes, weights):
        weights *= 0.5
        return {}
"""
RUN = """
import pinn_sweeps as ps
from tests.sweeps.launching import few_figures
with few_figures():
    ps.run("sample.yaml", {small}, executor="inline")
"""
USER = """
import sys, pinn_sweeps as ps
from sweeps.errors import StudyError
try:
    results = ps.load({study}, plugins={plugins})
    print(results.best().predict([[0.5, 0.5, 0.5]]).shape, results.best().replay(2).exact)
except StudyError as error:
    print("refused:", error)
"""


def test_plugins_are_those_of_the_study_file_and_have_the_code_that_made_the_run(
    tmp_path: Path,
) -> None:
    sample_study(tmp_path)
    file, plugin = tmp_path / "sample.yaml", tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    text = file.read_text().replace("name: sample", "name: sample\nplugins: [mine.py]")
    file.write_text(text.replace("base:", "base:\n  weighting: {kind: scaled_weights}"))
    small = ["base.phases.0.steps=3", "rerun.seeds=1", "models.pinn.space={}"]

    def user(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    user(RUN.format(small=small))
    assert user(USER.format(study="'sample.yaml'", plugins=[])) == "(1, 1) True"
    assert user(USER.format(study="'sample'", plugins=["mine.py"])) == "(1, 1) True"
    said = user(USER.format(study="'sample'", plugins=[]))
    assert "refused: " in said
    assert "mine.py" in said
    plugin.write_text(PLUGIN.replace("0.5", "0.25"))
    said = user(USER.format(study="'sample.yaml'", plugins=[]))
    assert "refused: run " in said
    assert "was made by other code of a plugin: weighting/scaled_weights was " in said
