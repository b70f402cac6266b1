"""Which study a person means who names one on the command line."""

from __future__ import annotations

from pathlib import Path

from sweeps.errors import StudyError, closest
from sweeps.store.folder import StudyFolder
from sweeps.study.kept import load_sealed
from sweeps.study.study import Study, load_study
from sweeps.study.study_file import shipped_studies


def study_to_run(source: str, overrides: list[str], runs_dir: Path) -> Study:
    """The study in a file, a shipped one, or else one that has run; raises ``StudyError``."""
    known = source in shipped_studies() or Path(source).is_file()
    before = StudyFolder.of(runs_dir, source).study_file
    if not known and "/" not in source and before.is_file():
        load_sealed(before)
        source = str(before)
    return load_study(source, overrides)


def study_that_ran(source: str, runs_dir: Path) -> tuple[Study, StudyFolder]:
    """A study as it last ran, by its name or its file, and its folder.

    Raises ``StudyError`` if it has not been run under ``runs_dir``.
    """
    folder = StudyFolder.of(runs_dir, source)
    if "/" in source or not folder.study_file.is_file():
        there = studies_in(runs_dir)
        if not Path(source).is_file() and source not in shipped_studies():
            raise StudyError(
                f"no study {source!r} in {runs_dir.absolute()}: "
                f"there are {', '.join(there) or 'none'}{closest(source, there)}"
            )
        folder = StudyFolder.of(runs_dir, load_study(source).name)
    if not folder.study_file.is_file():
        raise StudyError(
            f"study {folder.path.name!r} has not been run in {runs_dir.absolute()}; "
            f"start it: pinn-sweep run {source}"
        )
    return load_sealed(folder.study_file), folder


def studies_in(runs_dir: Path) -> list[str]:
    """Names of the studies that have run under a folder."""
    return sorted(file.parent.name for file in runs_dir.glob("*/study.yaml"))
