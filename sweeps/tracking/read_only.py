"""MLflow's records in a folder that cannot be written, such as an archive: read from a copy.

SQLite makes files beside a database that it only reads, and refuses where it may not.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sweeps.tracking.mlflow_client import reason, sqlite_address
from sweeps.tracking.tracking_address import (
    DamagedDatabase,
    ask_database,
    check_tracking,
    nearest_folder,
    sqlite_file,
)


class LeftOut(Exception):
    """MLflow's records in a read-only folder that cannot be read; the message says why."""


def check_reading(uri: str, *, named: bool) -> None:
    """See that MLflow's records can be read, as ``check_tracking`` does; raises ``StudyError``.

    A database in a read-only folder is looked at when it is read. It may be missing there, unless
    its address was ``named`` by the user.
    """
    file = _archived(uri)
    if file is None or (named and not file.exists()):
        check_tracking(uri, thoroughly=True)


@contextmanager
def records_at(uri: str) -> Iterator[str]:
    """The address for reading the records at ``uri``: the same, or that of a copy.

    Raises ``LeftOut`` if the folder is read-only and the database is missing or cannot be read, and
    ``DamagedDatabase``.
    """
    file = _archived(uri)
    if file is None:
        yield uri
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder, "mlflow.db")
        try:
            _copy(file, copy)
            ask_database(sqlite_address(copy), thoroughly=True)
        except DamagedDatabase as error:
            raise DamagedDatabase(str(error).replace(str(copy), str(file))) from None
        except FileNotFoundError:
            raise LeftOut(f"there is no {file}, and its folder is read-only") from None
        except Exception as error:  # MLflow and SQLAlchemy raise many kinds
            raise LeftOut(f"{file} cannot be read: {reason(error)}") from error
        yield sqlite_address(copy)


def _archived(uri: str) -> Path | None:
    """The file of an SQLite address in a folder in which nothing can be written, else None."""
    file = sqlite_file(uri)
    if file is None:
        return None
    folder = nearest_folder(file)
    return file if folder.is_dir() and not os.access(folder, os.W_OK) else None


def _copy(file: Path, copy: Path) -> None:
    """The database, and the last changes that its driver did not put into it any more."""
    shutil.copyfile(file, copy)
    with suppress(FileNotFoundError):
        shutil.copyfile(f"{file}-wal", f"{copy}-wal")
