"""What all tests of this folder share: a study file, and the object store."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.execution import launch
from tests.sweeps.s3 import KEYS, S3, s3_server
from tests.sweeps.samples import sample_study
from tests.sweeps.studies import TEXT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield S3(endpoint)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder in which the sample study has run; what a test changes it puts back."""
    folder = tmp_path_factory.mktemp("done")
    study = sample_study(folder, "base.phases.0.steps=6", "rerun.seeds=2")
    console = Console(file=StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "bring_report_up_to_date", lambda *_: None)
        launch.run_study(study, runs_dir=folder / "runs", executor="inline", console=console)
    return folder / "runs"
