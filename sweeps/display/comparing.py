"""The comparison of studies that ran: found by their names or folders, compared, shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pinn_core.records.trajectory import TrajectoryError
from sweeps.display.reporting import data_of
from sweeps.errors import StudyError, quoted
from sweeps.store.folder import StudyFolder
from sweeps.store.locate import study_that_ran
from sweeps.store.writing import writing
from sweeps.study.study import Study

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from analysis.model_runs import StudyRead
    from analysis.studies import StudiesCompared


SHOWN = 5
"""Columns of the page's table of differences that fit on a screen of 80."""


@dataclass(frozen=True)
class Comparison:
    """Studies beside each other, as they were read and as they compare."""

    reads: tuple[StudyRead, ...]
    found: StudiesCompared

    def write(self, page: Path) -> Path:
        """Write the page that shows it, over one that is there; raises ``CannotWrite``."""
        from analysis.report.studies import write_studies

        with writing(page):
            return write_studies(self.found, self.reads, page)


def comparison_of_studies(
    sources: Sequence[str], runs_dir: Path, store: str | None = None
) -> Comparison:
    """Compare two or more studies that ran.

    A source is what every verb takes, or the folder of a study in another runs folder. Raises
    ``StudyError`` for fewer than two studies, one that has not run, one that is named twice, and
    studies without a common model.
    """
    from analysis.studies import compare_studies

    try:
        reads = _read(sources, runs_dir, store)
        return Comparison(tuple(reads), compare_studies(reads))
    except (TrajectoryError, ValueError) as error:
        raise StudyError(f"compare {' '.join(sources)}: {error}") from None


def page_of(comparison: Comparison, runs_dir: Path, output: Path | None) -> Path:
    """Where the page goes; raises ``StudyError`` for an ``output`` that already exists."""
    if output is None:
        name = "+".join(read.data.name for read in comparison.reads)
        return runs_dir.absolute() / "comparisons" / f"{name}.html"
    if output.exists():
        raise StudyError(f"{output} already exists; nothing was written")
    return output


def show_comparison(comparison: Comparison, console: Console) -> None:
    """The result in a sentence, and the differences as a table."""
    from rich.text import Text

    from analysis.report.studies import headline, unequal_budgets

    console.print(Text(headline(comparison.found)))
    for warning in unequal_budgets(comparison.found):
        console.print(Text(warning, style="red"))
    console.print()
    console.print(_table(comparison.found))
    console.print()


def _table(found: StudiesCompared) -> Table:
    """A line for each test: medians, ratio or difference with its interval, p."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from analysis.report.studies import difference_rows

    table = Table(
        title="Medians over seeds",
        caption="ratio (or difference) to the first study, with its 95 % interval; p by Holm",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        caption_justify="left",
    )
    rows = difference_rows(found)
    for title in rows.header[:SHOWN]:
        table.add_column(Text(title), overflow="fold", justify="right" if title else "left")
    for cells in rows.cells:
        table.add_row(*map(Text, cells[:SHOWN]))
    return table


def _read(sources: Sequence[str], runs_dir: Path, store: str | None) -> list[StudyRead]:
    from analysis.model_runs import StudyRead

    if len(sources) < 2:
        raise StudyError("compare: needs two studies or more")
    located = [_locate(source, runs_dir, store) for source in sources]
    for (_, folder), times in zip(
        located, _times([folder.home for _, folder in located]), strict=True
    ):
        if times > 1:
            raise StudyError(f"compare: the study in {folder.path} is named {times} times")
    labels = _labels([folder for _, folder in located])
    return [
        StudyRead(
            label,
            data_of(study, folder),
            study.analysis.plateau,
            study.metric,
        )
        for label, (study, folder) in zip(labels, located, strict=True)
    ]


def _locate(source: str, runs_dir: Path, store: str | None) -> tuple[Study, StudyFolder]:
    """A study by its name or file, or by its folder in any runs folder."""
    folder = Path(source)
    if not folder.is_dir() or source in {".", ".."}:
        return study_that_ran(source, runs_dir, store)
    if not ((folder / "study.yaml").is_file() or (folder / "store.txt").is_file()):
        raise StudyError(f"{quoted(source)} is not the folder of a study that ran: no study.yaml")
    return study_that_ran(folder.absolute().name, folder.absolute().parent)


def _times(homes: Sequence[str]) -> list[int]:
    counts = Counter(homes)
    return [counts[home] for home in homes]


def _labels(folders: Sequence[StudyFolder]) -> list[str]:
    """The studies' names, with their runs folders where two have one name."""
    names = Counter(folder.path.name for folder in folders)
    return [
        folder.path.name
        if names[folder.path.name] == 1
        else f"{folder.path.name} ({folder.path.parent})"
        for folder in folders
    ]
