"""Where the files of one study lie: ``<runs folder>/<study name>/``, and its home if elsewhere."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import StudyError, excerpt
from sweeps.store.address import below, check_address, is_address
from sweeps.store.blob_store import blob_store_at
from sweeps.store.document import Document


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study; a property for each file or folder in it. Creates nothing.

    What cannot be rebuilt lies in the study's home: the folder itself, unless the study was told to
    keep it elsewhere, on a file system that all machines share or in an object store. Home and
    folder have the same names in them, so that either can be copied to the other.
    """

    path: Path
    home: str

    @classmethod
    def of(cls, runs_dir: str | Path, name: str, store: str | None = None) -> StudyFolder:
        """The folder of the study ``name``, as an absolute path: workers run elsewhere.

        ``store`` is the folder or address with the homes of all studies; without it the home is
        where it was. Raises ``StudyError`` if the study has its home already and it is another.
        """
        path = Path(runs_dir).absolute() / name
        known = _known_home(path)
        asked = below(_absolute(store), name) if store else None
        if asked and known and asked != known:
            raise StudyError(
                f"study {name!r} in {path.parent} keeps its trajectories under {known}, "
                f"not {asked}: leave --store out (or PINN_SWEEP_STORE), or give the study "
                "another name"
            )
        return cls(path, asked or known or str(path))

    @property
    def option(self) -> str:
        """What a command needs besides the study's name: `` --runs-dir RUNS``, or nothing."""
        runs, here = self.path.parent, Path.cwd()
        if runs == here / "runs":
            return ""
        shown = runs.relative_to(here) if runs.is_relative_to(here) else runs
        return f" --runs-dir {shlex.quote(str(shown))}"

    def command(self, verb: str) -> str:
        """The command line of a verb for this study, for someone to copy."""
        return f"pinn-sweep {verb} {self.path.name}{self.option}"

    def note_home(self) -> None:
        """Leave a note of where the home is, if it is elsewhere, for commands to come."""
        if self.home != str(self.path):
            write_whole(self.path / "store.txt", f"{self.home}\n")

    @property
    def study_file(self) -> Document:
        """The study as it was resolved when it last ran."""
        return Document(blob_store_at(self.home), "study.yaml")

    @property
    def plugins(self) -> Path:
        """Copies of the plugins' files, for reading; no command runs them."""
        return self.path / "plugins"

    @property
    def passed_over(self) -> Document:
        """Ids of runs that failed and that a learning search has gone on without."""
        return Document(blob_store_at(self.home), "passed-over.json")

    @property
    def store(self) -> str:
        """Root of the trajectory store."""
        return below(self.home, "store")

    @property
    def progress(self) -> Path:
        """One small file for each pack that is being trained."""
        return self.path / "progress"

    @property
    def optuna_log(self) -> Path:
        """Optuna's journal of the searches, for its dashboard."""
        return self.path / "optuna.log"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.path / "report"

    @property
    def exports(self) -> Path:
        """Tables of the study for other programs."""
        return self.path / "export"

    @property
    def replays(self) -> Path:
        """What replays of runs left, a folder for each; it may be removed at any time."""
        return self.path / "replay"

    @property
    def log(self) -> Path:
        """What happened, with tracebacks."""
        return self.path / "log.txt"


def write_whole(file: Path, content: str | bytes) -> None:
    """Put a file in place as the store does: whole or not at all; raises ``CannotWrite``."""
    encoded = content.encode() if isinstance(content, str) else content
    blob_store_at(str(file.parent)).write(file.name, encoded)


def _known_home(path: Path) -> str | None:
    """Where a study that has run keeps what cannot be rebuilt; raises ``StudyError``."""
    note = path / "store.txt"
    try:
        if note.is_file():
            return note.read_text().strip()
        return str(path) if (path / "study.yaml").is_file() else None
    except OSError as error:
        raise StudyError(f"{excerpt(path)} cannot be read: {error.strerror or error}") from None


def _absolute(store: str) -> str:
    check_address(store)
    return store if is_address(store) else str(Path(store).absolute())
