"""Where MLflow's records are: the default address, and whether an address can be used at all."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.errors import StudyError, closest, quoted
from sweeps.process.deadline import problem_within
from sweeps.tracking.mlflow_client import open_client, reason, sqlite_address

if TYPE_CHECKING:
    from sqlalchemy import Engine

SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
EXTRAS = {"psycopg": "postgresql", "boto3": "s3"}
"""Modules that only some addresses need, each with the extra of pinn-sweeps that installs it."""

DEADLINE = 8.0
"""Seconds that a server has to answer, before any training."""


class DamagedDatabase(OSError):
    """A database file whose content cannot be trusted; the message says how to make it anew."""


def default_tracking_uri(runs_root: Path) -> str:
    """An SQLite database in the folder of all studies; artifacts lie beside it."""
    return sqlite_address(runs_root / "mlflow.db")


def sqlite_file(tracking_uri: str) -> Path | None:
    """The file of an SQLite address, None for any other address."""
    if not tracking_uri.startswith("sqlite:"):
        return None
    from sqlalchemy.engine import make_url

    return Path(make_url(tracking_uri).database or "").absolute()


def masked(text: str) -> str:
    """``text`` without the credentials of the addresses in it.

    >>> masked("no answer from https://ada:lovelace@example.org/mlflow")
    'no answer from https://***@example.org/mlflow'
    """
    text = re.sub(r"(?<!sqlite)://[^\s'\"]*@", "://***@", text)
    return re.sub(r"(?i)([?&](?:password|token)=)[^&\s]*", r"\1***", text)


def check_tracking(uri: str, *, thoroughly: bool = False, store: str | None = None) -> None:
    """See that MLflow's records can be written at ``uri``; nothing is created.

    Raises ``StudyError`` within ten seconds: unknown scheme, no answer, not MLflow's database, a
    module that is not installed. An SQLite file must be sound, for as long as it takes to read it;
    ``thoroughly`` compares its indices with its tables, too, which takes ten times longer: six
    seconds for a million rows. ``store`` is where the trajectories are: the files that belong to
    the records of a database server lie beside it.
    """
    address = f"tracking address {quoted(masked(uri))}"
    scheme = uri.partition(":")[0].partition("+")[0] if ":" in uri else ""
    if scheme not in SERVERS + DATABASES:
        hint = (
            closest(scheme, SERVERS + DATABASES) or "; for a local file: sqlite:///path/mlflow.db"
        )
        allowed = ", ".join(SERVERS + DATABASES)
        raise StudyError(f"{address}: found scheme {quoted(scheme)}, allowed: {allowed}{hint}")
    if scheme != "sqlite":
        import mlflow  # noqa: F401  # takes seconds that are not the server's
    in_a_bucket = scheme not in ("sqlite", *SERVERS) and (store or "").startswith("s3://")
    if in_a_bucket and not find_spec("boto3"):
        raise StudyError(
            f"{address}: MLflow's files go into the store's bucket, and {_missing('boto3')}"
        )
    deadline = None if scheme == "sqlite" else DEADLINE
    problem = problem_within(deadline, lambda: _ask(scheme, uri, thoroughly), reason)
    if problem:
        words = f"{address} cannot be used: {masked(problem)}"
        if scheme == "sqlite":  # which is no server, and has its remedy in the words
            raise StudyError(words)
        raise StudyError(words, topic="mlflow-does-not-answer")


def _ask(scheme: str, uri: str, thoroughly: bool) -> None:
    if scheme in SERVERS:
        open_client(uri).search_experiments(max_results=1)
    elif scheme != "sqlite" or _exists(sqlite_file(uri) or Path()):
        ask_database(uri, thoroughly)


def _exists(file: Path) -> bool:
    """Whether a database file is there; raises ``OSError`` if it is not and cannot be made."""
    if file.is_file():
        return True
    if file.is_dir():
        raise OSError(f"{file} is a folder; an address names a file: sqlite:///path/mlflow.db")
    nearest = nearest_folder(file)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise OSError(f"{nearest} is not a folder that can be written")
    return False


def nearest_folder(file: Path) -> Path:
    """What a file lies in, or would be made in; it may be a file itself."""
    return next(folder for folder in file.parents if folder.exists())


def ask_database(uri: str, thoroughly: bool) -> None:
    """Connect; if MLflow's tables are there, see that this version of MLflow can read them.

    A file that is damaged would take some runs twice, and lose others. Raises ``DamagedDatabase``
    for it, and whatever MLflow and SQLAlchemy raise.
    """
    from sqlalchemy import create_engine, inspect

    try:
        engine = create_engine(uri)
    except ModuleNotFoundError as error:
        raise OSError(_missing(str(error.name))) from None
    try:
        if file := sqlite_file(uri):
            _refuse_damage(engine, file, "integrity_check" if thoroughly else "quick_check")
        has_tables = inspect(engine).has_table("alembic_version")
    finally:
        engine.dispose()
    if has_tables:
        open_client(uri).search_experiments(max_results=1)


def _missing(module: str) -> str:
    """That a module is not installed, and how to install it."""
    extra = EXTRAS.get(module)
    how = f": pip install 'pinn-sweeps[{extra}]'" if extra else ""
    return f"the Python module {module} is not installed{how}"


def _refuse_damage(engine: "Engine", file: Path, check: str) -> None:
    """Raise ``DamagedDatabase`` if SQLite finds its own file unsound by one of its checks."""
    from sqlalchemy.exc import DatabaseError, OperationalError

    try:
        with engine.connect() as connection:
            problem = connection.exec_driver_sql(f"PRAGMA {check}(1)").scalar()
    except OperationalError:  # locked, not readable: trouble that passes
        raise
    except DatabaseError as error:
        problem = reason(error)
    if problem != "ok":
        raise DamagedDatabase(
            f"{file} is damaged ({str(problem).replace(chr(10), ' ')}); every run is safe in its "
            "store: rename the file, then write it anew by pinn-sweep sync STUDY for each study"
        )
