"""Which study is meant by a name or a file on the command line."""

from __future__ import annotations

from pathlib import Path

from sweeps.errors import StudyError, closest, quoted
from sweeps.store.address import check_store
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed
from sweeps.store.observed import load_observations
from sweeps.study.study import Study, load_study, study_from
from sweeps.study.study_file import shipped_studies


def study_to_run(
    source: str, overrides: list[str], runs_dir: Path, store: str | None = None
) -> Study:
    """The study in a file, a shipped one, or else one that has run; raises ``StudyError``."""
    if not _is_written(source) and "/" not in source:
        folder = _folder(source, runs_dir, store)
        before = folder.study_file
        if before.is_file():
            began = load_sealed(before)
            load_observations(folder.store, map(began.configuration_of, began.models))
            return study_from(before.read_text(), str(before), overrides)
    return load_study(source, overrides)


def study_that_ran(
    source: str, runs_dir: Path, store: str | None = None
) -> tuple[Study, StudyFolder]:
    """A study as it last ran, by its name or its file, and its folder.

    Raises ``StudyError`` if it has not been run under ``runs_dir``, nor with its home in ``store``.
    """
    folder = None if "/" in source else _folder(source, runs_dir, store)
    if (folder is None or not folder.study_file.is_file()) and _is_written(source):
        folder = _folder(load_study(source).name, runs_dir, store)
    if folder is None or not folder.study_file.is_file():
        raise has_not_run(source, runs_dir, store)
    return load_sealed(folder.study_file), folder


def has_not_run(source: str, runs_dir: Path, store: str | None) -> StudyError:
    """The error for a study that was never started, or that does not exist."""
    searched = _searched(runs_dir, store)
    if _is_written(source):
        name = load_study(source).name
        start = f"start it: pinn-sweep run {source}{StudyFolder.of(runs_dir, name, store).option}"
        return StudyError(f"study {name!r} has not been run in {searched}; {start}")
    there = studies_in(runs_dir)
    listed = f"there are {', '.join(there) or 'none'}{closest(source, there)}"
    return StudyError(f"no study {quoted(source)} in {searched}: {listed}")


def _is_written(source: str) -> bool:
    """Whether there is a study file of that path, or a shipped study of that name."""
    return Path(source).is_file() or source in shipped_studies()


def studies_in(runs_dir: Path) -> list[str]:
    """Names of the studies that have run under a folder."""
    notes = [*runs_dir.glob("*/study.yaml"), *runs_dir.glob("*/store.txt")]
    return sorted({note.parent.name for note in notes})


def _folder(name: str, runs_dir: Path, store: str | None) -> StudyFolder:
    """The study's folder, whose home can be reached."""
    folder = StudyFolder.of(runs_dir, name, store)
    check_store(folder.home)
    return folder


def _searched(runs_dir: Path, store: str | None) -> str:
    return f"{runs_dir.absolute()} or {store}" if store else str(runs_dir.absolute())
