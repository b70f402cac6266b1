"""A good study that was really trained, and copies of it to be spoilt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from pinn_core.records.trajectory import Trajectory
from pinn_core.training.trainer import Member, environment, train
from sweeps.checking.verify import verify
from sweeps.store.store import ENDINGS, Store
from sweeps.study.plan import Run, model_points, search_run
from sweeps.study.study import Study
from tests.sweeps.samples import commit, sample_study


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of a small study that was really trained."""
    folder = tmp_path_factory.mktemp("good")
    store = Store(str(folder / "store"))
    for runs in packs(sample_study(folder)):
        trajectories = train([Member(run.configuration, run.seed) for run in runs])
        for run, trajectory in zip(runs, trajectories, strict=True):
            commit(store, run, trajectory, environment=environment("cpu"))
    return folder


def packs(study: Study) -> list[list[Run]]:
    return [
        [search_run(study, model, point) for point in model_points(study, model)]
        for model in study.models
    ]


class Sample:
    """A copy of the good study to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.study = sample_study(folder)
        self.store = Store(str(folder / "store"))
        self.runs = [run for pack in packs(self.study) for run in pack]
        self.first, self.second = self.runs[:2]

    def file(self, run: Run, ending: str = "parquet") -> Path:
        return Path(self.store.where(run.run_id)).with_suffix(f".{ending}")

    def found(self, **how: Any) -> set[tuple[str, str | None]]:
        planned = {run.run_id for run in self.runs}
        findings = verify(self.study, self.store, planned, **how).findings
        assert all(finding.message and "\n" not in finding.message for finding in findings)
        return {(finding.name, finding.run_id) for finding in findings}

    def read(self, run: Run) -> Trajectory:
        """A run's trajectory with the parameters that it left."""
        trajectory = self.store.read(run.run_id)
        return replace(trajectory, parameters=self.store.parameters(run.run_id))

    def forge(self, run: Run, trajectory: Trajectory, **facts: Any) -> None:
        """Replace a committed run so that file, checksum and digest agree."""
        given = {"environment": environment("cpu")} | facts
        for ending in ENDINGS:
            self.file(run, ending).unlink(missing_ok=True)
        commit(self.store, run, trajectory, **given)


@pytest.fixture
def sample(good: Path, tmp_path: Path) -> Sample:
    copytree(good, tmp_path, dirs_exist_ok=True)
    return Sample(tmp_path)
