"""Tracking under load: publishers of several studies at a time, on SQLite and on PostgreSQL.

A study has one publisher, a thread of its driver. Here 1 and 4 of them work at a time, each a
process of its own with the real store, experiment and rows, into one SQLite file (which lets one
write at a time: the others wait), into PostgreSQL, and into PostgreSQL through MLflow's server that
asks for a name. Afterwards every run is compared with its store.

Rows: backend, publishers, runs, rows, seconds, runs_per_second, rows_per_second, interruptions,
failed, wrong.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks import servers
from benchmarks.command import Measured, Result, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.publishing import publish_together
from benchmarks.targets import Target

QUICK, FULL = 5, 100
"""Runs of each publisher."""
Addresses = tuple[str, str]
"""Where to publish, and the database where that is looked at afterwards."""
PUBLISHERS = (1, 4)
ASKED = "PostgreSQL and SQLite, 4 publishers:"


def measure(quick: bool) -> Measured:
    """A row for each backend and number of publishers; without PostgreSQL, SQLite alone."""
    lacking = servers.missing()
    backends = [sqlite] if lacking else list(BACKENDS)
    rows = []
    for backend in backends:
        name = BACKENDS[backend]
        with tempfile.TemporaryDirectory(prefix="tracking-") as place:
            os.chmod(place, 0o755)  # PostgreSQL's own user passes through
            with backend(Path(place)) as (uri, database):
                for publishers in PUBLISHERS:
                    say(f"{name}, {publishers} publishers")
                    folder, runs = Path(place, f"with-{publishers}"), QUICK if quick else FULL
                    row = publish_together(uri, folder, publishers, runs, database)
                    rows.append({"backend": name, **row})
    return rows, [f"PostgreSQL was not measured: {lacking}."] if lacking else []


@contextmanager
def sqlite(folder: Path) -> Iterator[Addresses]:
    """A file."""
    uri = f"sqlite:///{folder}/mlflow.db"
    yield uri, uri


@contextmanager
def database(folder: Path) -> Iterator[Addresses]:
    """PostgreSQL, without a server in between; artifacts lie in the folder."""
    with servers.postgresql(folder / "postgresql") as uri:
        yield uri, uri


@contextmanager
def server(folder: Path) -> Iterator[Addresses]:
    """MLflow's server on PostgreSQL; this process and its children are its administrator.

    It looks the password up at each request, so that what it holds is read from the database.
    """
    password = secrets.token_urlsafe(16)
    given = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": password}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        with (
            servers.postgresql(folder / "postgresql") as store,
            servers.mlflow_server(folder, store, password=password) as uri,
        ):
            yield uri, store
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


BACKENDS: dict[Callable[[Path], AbstractContextManager[Addresses]], str] = {
    sqlite: "SQLite",
    database: "PostgreSQL",
    server: "server on PostgreSQL",
}


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    names = {name: name.replace("_per_", " a ").replace("_", " ") for name in result["rows"][0]}
    return f"""\
Runs of 1 000 recorded steps, published with curves, parameters and both files, by the publishers of
1 and of 4 studies at a time. A publisher that finds its database busy waits and goes on
(interruptions); given up are those that failed, and wrong is what the comparison with the stores
finds afterwards: lost, twice, unfinished, altered. MLflow's server spends nearly all of its time on
the passwords: it checks a hash that is made to be slow, up to three times a request.

{markdown_table(result["rows"], names)}"""


def targets(result: Result) -> list[Target]:
    """Nothing lost, nothing twice, nothing given up."""
    bad = sum(row["failed"] + row["wrong"] for row in result["rows"])
    return [Target(f"{ASKED} runs lost, twice or altered", 0, bad, at_least=False)]


def figure(result: Result, file: Path) -> None:
    """Runs a second by backend and number of publishers."""
    with subplots(1) as (canvas, (axis,)):
        for place, backend in enumerate(dict.fromkeys(row["backend"] for row in result["rows"])):
            own = [row for row in result["rows"] if row["backend"] == backend]
            counts = [row["publishers"] for row in own]
            speeds = [row["runs_per_second"] for row in own]
            axis.plot(counts, speeds, marker="o", color=PALETTE[place + 1], label=backend)
        axis.set(xlabel="publishers at a time", ylabel="runs a second", ylim=(0, None))
        axis.set_xticks(PUBLISHERS)
        axis.legend()
        saved(canvas, file)


if __name__ == "__main__":
    main("tracking", measure)
