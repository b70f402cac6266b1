"""The export of a study that ran: its tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pinn_core.records.trajectory import TrajectoryError
from sweeps.display.reporting import data_of
from sweeps.errors import StudyError
from sweeps.store.folder import StudyFolder
from sweeps.store.writing import writing
from sweeps.study.study import Study

if TYPE_CHECKING:
    from analysis.export import Curves, Exported, Format


def export_study(
    study: Study, folder: StudyFolder, output: Path | None, to: Format, curves: Curves
) -> Exported:
    """Write the study's tables into ``output``, or into ``export`` in its folder.

    Raises ``StudyError`` for a file that already exists, where there is no run and for a damaged
    one, and ``CannotWrite``; then nothing is written.
    """
    from analysis.export import export

    where = output or folder.exports
    try:
        with writing(where):
            return export(data_of(study, folder), study.analysis.plateau, where, to, curves)
    except FileExistsError as error:
        raise StudyError(
            f"{error}; nothing was written: remove it, or say with --output where else"
        ) from None
    except NotADirectoryError as error:
        raise StudyError(f"{error}; nothing was written") from None
    except (TrajectoryError, ValueError) as error:
        raise StudyError(f"study {study.name!r}: {error}") from None
