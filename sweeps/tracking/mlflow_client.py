"""MLflow's client as we use it: quiet, quick to give up, without retries of its own.

MLflow takes seconds to import, so every import of it is inside a function.
"""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # the client's own two minutes look like a hang
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a blindly repeated create_run leaves an orphan
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def import_mlflow() -> None:
    """Import what clients and databases will take, which lasts a second or two."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow.store.tracking.sqlalchemy_store
    import mlflow.tracking  # noqa: F401


def open_client(tracking_uri: str) -> "MlflowClient":
    """A client; makes the tables of a new database, in dozens of steps.

    What goes wrong reaches us as exceptions: MLflow's own log, tracebacks and all, is silenced.
    """
    import_mlflow()
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MlflowClient(tracking_uri)


def sqlite_address(file: Path) -> str:
    """The address of an SQLite database; in a path as such, ``?`` and ``%`` would mean more.

    >>> sqlite_address(Path("/runs/10% off?/mlflow.db"))
    'sqlite:////runs/10%25 off%3F/mlflow.db'
    """
    return f"sqlite:///{file.absolute()}".replace("%", "%25").replace("?", "%3F")


def move_artifacts(database: Path, experiment_id: str, before: str, now: str) -> None:
    """Change the address of an SQLite database's artifacts: an experiment's, and its runs' below.

    MLflow keeps whole addresses and has no call that changes them; the files are not touched.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
            (now, experiment_id),
        )
        connection.execute(
            "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?) "
            "WHERE experiment_id = ? AND substr(artifact_uri, 1, ?) = ?",
            (now, len(before) + 1, experiment_id, len(before) + 1, f"{before}/"),
        )


def search_runs(client: "MlflowClient", experiment_id: str, condition: str = "") -> list["Run"]:
    """All runs of an experiment that fulfil a condition, the oldest first."""
    found: list[Run] = []
    token: str | None = None
    while token != "":
        page = client.search_runs(
            [experiment_id], condition, order_by=["attributes.start_time"], page_token=token
        )
        found += page
        token = page.token or ""
    return found


def is_unreachable(error: Exception) -> bool:
    """True for trouble with MLflow's server, database or disk; False if what is sent is wrong."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, MlflowException):
        return str(error.error_code) != "INVALID_PARAMETER_VALUE"
    if isinstance(error, FileNotFoundError):
        return False
    return isinstance(error, OSError | SQLAlchemyError | sqlite3.Error)


def reason(error: BaseException) -> str:
    """What is at the bottom of an error, in one line: ``[Errno 111] Connection refused``."""
    while deeper := error.__cause__ or (not error.__suppress_context__ and error.__context__):
        error = deeper
    return str(error).partition("\n")[0] or repr(error)
