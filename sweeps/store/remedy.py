"""What to do about a damaged run, said by whatever needs all runs of a study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from pinn_core.records.trajectory import TrajectoryError, UnknownSchema
from sweeps.store.folder import StudyFolder

if TYPE_CHECKING:
    from analysis.load import StudyData


def with_remedy(error: TrajectoryError, folder: StudyFolder) -> str:
    """What is wrong with a run, and the commands that repair it and that look for others.

    A file of another version of this program is not damaged: those commands do not help.
    """
    if isinstance(error, UnknownSchema):
        return str(error)
    return (
        f"{error}; to make the run again: {folder.command('run')}; "
        f"to see whether others are damaged: {folder.command('verify')}"
    )


@contextmanager
def remedied(folder: StudyFolder) -> Iterator[None]:
    """Let a ``TrajectoryError`` of the block say ``with_remedy``; a decorator, too."""
    try:
        yield
    except TrajectoryError as error:
        raise type(error)(with_remedy(error, folder)) from None


def advised(data: StudyData, folder: StudyFolder) -> StudyData:
    """The same study, which says ``with_remedy`` when it reads a file that is damaged."""
    remedy = remedied(folder)
    return replace(
        data,
        read=remedy(data.read),
        read_columns=data.read_columns and remedy(data.read_columns),
        read_fields=data.read_fields and remedy(data.read_fields),
    )
