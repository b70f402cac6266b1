"""What all tests of this folder share: a study file, a study that ran, and the object store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.execution import launch as launch_module
from sweeps.store import faults
from tests.sweeps.forked import Drivers
from tests.sweeps.forked import drivers as started_drivers
from tests.sweeps.launching import few_figures, launch, sample
from tests.sweeps.s3 import KEYS, S3, s3_server
from tests.sweeps.studies import TEXT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sample study ran undisturbed; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("done")
    assert launch(sample(folder), folder)[0] == 0
    return folder


@pytest.fixture(scope="session", autouse=True)
def small_reports() -> Iterator[None]:
    """Drawing every figure takes seconds: test_fields makes a whole report."""
    with few_figures():
        yield


@pytest.fixture(autouse=True)
def no_fault_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every place where a fault may strike, none has been passed."""
    monkeypatch.setattr(faults, "reached", Counter())


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports have tests of their own and take seconds."""
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)


@pytest.fixture(scope="session")
def drivers() -> Iterator[Drivers]:
    """Drivers that faults may kill, for tests that look at what they leave."""
    with started_drivers() as started:
        yield started


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
