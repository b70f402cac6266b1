"""MLflow's tables without a record: they take a second or two to make, so they are kept."""

import hashlib
import os
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp

from pinn_core.engine.backends.build import cache_folder
from pinn_core.engine.backends.ownership import make_ours
from sweeps.tracking.mlflow_client import open_client, sqlite_address


def empty_database(artifacts: str) -> bytes:
    """The content of a new SQLite database with the tables of the installed MLflow.

    The files of its experiment "Default", which MLflow makes, belong at the address ``artifacts``.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(_tables())
        with connection:
            connection.execute("UPDATE experiments SET artifact_location = ?", (artifacts,))
        return connection.serialize()


def _tables() -> bytes:
    """The content of a database as MLflow makes it: "Default" lies below the working folder.

    It is kept beside the compiled libraries; a file that is damaged, or that others than this user
    can write, is not taken.
    """
    with suppress(OSError):
        for file in make_ours(cache_folder()).glob(f"{_stem()}-*.db"):
            content = file.read_bytes()
            if file.name == _name(content):
                return content
    with TemporaryDirectory() as folder:
        made = Path(folder, "mlflow.db")
        open_client(sqlite_address(made)).search_experiments(max_results=1)
        content = made.read_bytes()
    with suppress(OSError):
        _keep(content, make_ours(cache_folder()))
    return content


def _stem() -> str:
    return f"mlflow-{version('mlflow')}"


def _name(content: bytes) -> str:
    return f"{_stem()}-{hashlib.blake2b(content, digest_size=16).hexdigest()}.db"


def _keep(content: bytes, folder: Path) -> None:
    """Keep it, whole at once."""
    descriptor, beside = mkstemp(dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(beside).replace(folder / _name(content))
