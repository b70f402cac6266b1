"""The report of a study: written when runs or their reading changed, and shown on the screen."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pinn_core.records.trajectory import TrajectoryError
from sweeps.errors import StudyError
from sweeps.search.cost import costs_of
from sweeps.store.blob_store import beside_of, blob_store_at
from sweeps.store.folder import StudyFolder, write_whole
from sweeps.store.remedy import advised, remedied
from sweeps.store.store import Store
from sweeps.store.writing import CannotReach, writing
from sweeps.study.study import Study
from sweeps.tracking.tracking import Publisher

if TYPE_CHECKING:
    from analysis.comparison import ComparisonTable
    from analysis.load import StudyData


def bring_report_up_to_date(
    study: Study,
    folder: StudyFolder,
    store: Store,
    publisher: Publisher,
    missing: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Write the report unless there is one of these very runs; MLflow gets what it lacks of it.

    ``missing`` says why planned runs are not in it. Without any run there is nothing to report.
    """
    if not store.committed():
        return
    mark = _mark(study, store, missing)
    made_from = folder.report / "made-from.txt"
    if not made_from.is_file() or made_from.read_text() != mark:
        say("writing the report")
        write_report_of(study, folder, missing)
        write_whole(made_from, mark)
    publisher.log_report(folder.report)


def write_report_of(
    study: Study,
    folder: StudyFolder,
    missing: Mapping[str, str],
    *,
    animated: bool = False,
    reload: int = 0,
) -> Path:
    """Write the report anew, if asked with animations of the solutions; returns its page.

    The page loads itself again after ``reload`` seconds, if that is not 0.

    It is made beside, so that one that cannot be finished takes nothing from the one that is there.
    Raises ``StudyError`` if there is no run, or a damaged one, and ``CannotWrite``.
    """
    beside = beside_of(folder.report)
    try:
        with writing(folder.report):
            data = data_of(study, folder)
            costs = costs_of(study, Store(folder.store).manifests())
            page = _make_report(
                study, data, beside, missing, costs, animated=animated, reload=reload
            )
        _put_in_place(beside, folder.report, last=page.name)
    except TrajectoryError as error:
        raise StudyError(f"study {study.name!r}: {error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder.report / page.name


def _make_report(
    study: Study,
    data: StudyData,
    directory: Path,
    missing: Mapping[str, str],
    costs: Mapping[str, float],
    **how: Any,  # noqa: ANN401
) -> Path:
    from analysis.report import write_report
    from analysis.report.asked import Asked

    asked = Asked(
        rule=study.analysis.plateau,
        wrong_solution=study.analysis.wrong_solution,
        metric=study.metric,
        expected=study.expected,
        baseline=study.analysis.baseline,
        level=study.analysis.level,
        explanations=study.analysis.explanations,
        question=study.question,
        draws_at_random=study.search.draws_at_random,
        phase_keys=study.analysis.phase_diagram,
        costs=costs,
        cost=study.search.cost or "",
    )
    return write_report(data, directory, asked, missing=missing, **how)


def _put_in_place(made: Path, folder: Path, last: str) -> None:
    """Every file of one folder in the other, whole or not at all; the named one last."""
    blobs = blob_store_at(str(folder))
    files = sorted(file for file in made.rglob("*") if file.is_file())
    for file in sorted(files, key=lambda file: file.name == last):
        blobs.write(str(file.relative_to(made)), file.read_bytes())
        file.unlink()  # so that no more than one is there twice


def show_outcome(study: Study, runs_dir: Path, console: Console, again: str = "") -> None:
    """The comparison table, where the report is, and the commands that come next.

    That is ``again``, or a study to try now.
    """
    folder = StudyFolder.of(runs_dir, study.name)
    lines = (
        f"report: {folder.report / 'index.html'}",
        f"curves: {folder.command('ui')}",
        f"next:   {again or _next(study) + folder.option}",
    )
    console.print()
    if folder.report.is_dir():
        with suppress(TrajectoryError, CannotReach):  # named before; the next command repairs it
            console.print(comparison_of(study, folder).to_rich())
            console.print()
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _next(study: Study) -> str:
    """The command to try now: from the demo to the paper's pair, from there to more seeds."""
    if study.name == "demo":
        return "pinn-sweep run plateaus-small"
    return f"pinn-sweep run {study.name} rerun.seeds={2 * study.rerun.seeds}"


def comparison_of(study: Study, folder: StudyFolder) -> ComparisonTable:
    """Every metric in the plateau and after it, model beside model; needs a run."""
    from analysis.comparison import comparison_table
    from analysis.contrast import contrast_of
    from analysis.ranking import compared_runs
    from analysis.statistics import per_run

    data = data_of(study, folder)
    runs = compared_runs(data, study.metric)
    contrast = contrast_of(data.runs.loc[runs], study.analysis.baseline)
    return comparison_table(per_run(data, study.analysis.plateau, runs), contrast)


def data_of(study: Study, folder: StudyFolder) -> StudyData:
    """The committed runs of a study; raises ``StudyError`` where there is none.

    ``TrajectoryError``, now or when it reads, says what to do about a damaged run.
    """
    from analysis.load import NoRuns, from_files

    store = blob_store_at(folder.store)
    try:
        with remedied(folder):
            data = from_files(folder.store, study.name, store.names(), store.read)
        return advised(data, folder)
    except NoRuns as error:
        raise StudyError(str(error)) from None


def _mark(study: Study, store: Store, missing: Mapping[str, str]) -> str:
    """What the report depends on: the runs, how they are read, and this program's version."""
    digests = [[one.run_id, one.digest] for one in store.manifests()]
    parts = [digests, study.model_dump(mode="json"), dict(missing), version("pinn-sweeps")]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
