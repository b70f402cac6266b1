"""Where the files of one study lie: ``<runs folder>/<study name>/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sweeps.store.places import place_at


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study; a property for each file or folder in it. Creates nothing."""

    path: Path

    @classmethod
    def of(cls, runs_dir: str | Path, name: str) -> StudyFolder:
        """The folder of the study ``name``, as an absolute path: workers run elsewhere."""
        return cls(Path(runs_dir).absolute() / name)

    @property
    def study_file(self) -> Path:
        """The study as it was resolved when it last ran."""
        return self.path / "study.yaml"

    @property
    def lock(self) -> Path:
        """Held by the driver that works on the study, whose name is in it."""
        return self.path / "lock"

    @property
    def store(self) -> str:
        """Root of the trajectory store."""
        return str(self.path / "store")

    @property
    def progress(self) -> Path:
        """One small file for each pack that is being trained."""
        return self.path / "progress"

    @property
    def passed_over(self) -> Path:
        """Ids of runs that failed and that a learning search has gone on without."""
        return self.path / "passed-over.json"

    @property
    def optuna_log(self) -> Path:
        """Optuna's journal of the searches, for its dashboard."""
        return self.path / "optuna.log"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.path / "report"

    @property
    def log(self) -> Path:
        """What happened, with tracebacks."""
        return self.path / "log.txt"


def write_whole(file: Path, text: str) -> None:
    """Put a text in place as the store does: whole or not at all; raises ``DiskFull``."""
    place_at(str(file.parent)).write(file.name, text.encode())


def set_aside(file: Path) -> Path:
    """Rename a damaged file, over one that was set aside before; returns the new name."""
    aside = file.with_name(f"{file.name}.set-aside")
    return file.replace(aside)
