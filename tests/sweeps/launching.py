"""The sample study launched in this process, and what is left of it in its folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from analysis import figures
from analysis.figures import Figure, Sheet, fields
from sweeps.execution.launch import run_study
from sweeps.search.planned import planned_ids
from sweeps.store.folder import StudyFolder
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import Study
from tests.sweeps.samples import sample_study

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2", "resources.retries=1")


def sample(folder: Path, *overrides: str) -> Study:
    return sample_study(folder, *SMALL, *overrides)


def launch(study: Study, folder: Path, screen: StringIO | None = None) -> tuple[int, str]:
    """Exit code and everything that was said. All share one MLflow, which is slow to make."""
    screen = screen or StringIO()
    code = run_study(
        study,
        runs_dir=folder / "runs",
        tracking_uri=f"sqlite:///{folder.parent}/mlflow.db",
        executor="inline",
        console=Console(file=screen, width=200),
    )
    return code, screen.getvalue()


FIGURES, SHEETS, MOST = figures.FIGURES, figures.SHEETS, fields.MOST


@contextmanager
def few_figures(solutions: int = 0) -> Iterator[None]:
    """Reports with one figure of trajectories and few solutions: drawing all takes seconds."""
    with _figures(FIGURES[1:2], (), solutions):
        yield


@contextmanager
def all_figures() -> Iterator[None]:
    """Reports as they are for users."""
    with _figures(FIGURES, SHEETS, MOST):
        yield


@contextmanager
def _figures(drawn: Sequence[Figure], sheets: Sequence[Sheet], solutions: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "FIGURES", drawn)
        patch.setattr(figures, "SHEETS", sheets)
        patch.setattr(fields, "MOST", solutions)
        yield


def store_of(study: Study, folder: Path) -> Store:
    return Store(StudyFolder.of(folder / "runs", study.name).store)


def digests(study: Study, folder: Path) -> dict[str, str]:
    return {one.run_id: one.digest for one in store_of(study, folder).manifests()}


def planned(study: Study, folder: Path) -> set[str]:
    files = StudyFolder.of(folder / "runs", study.name)
    store = Store(files.store)
    return planned_ids(study, store, Results(store, study.metric, files.passed_over))
