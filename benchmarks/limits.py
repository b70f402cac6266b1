"""What limits a large cluster: what every run costs where there is one of a kind.

A study has one driver, one publisher (a thread of it), one head of Ray and one database, however
many workers it has. What a run costs each of them is measured in milliseconds of a core, which
hardly depend on what else a machine does: the difference of two studies with a trainer that returns
at once, in packs of 6. Workers that take S seconds for a run end WORKERS / S runs a second, so that
a cost of one core is reached when runs take less than WORKERS times it. Then the remedy for the
largest: runs published by several processes, each its share of one study, as many runs in one
transaction as ``together`` says.

Rows of parts: part, ms_per_run (of a core), shortest (seconds that a run must take, or the part is
busy all the time). Rows of shares: database, publishers, together, runs, seconds, publisher_ms and
database_ms (of a core, for each run), wrong (lost, twice or altered).
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from pathlib import Path

from benchmarks import servers
from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.load import one_study
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, saved, subplots
from benchmarks.processes import commands, core_seconds, family
from benchmarks.publishing import publish_shares

WORKERS = 1000
QUICK, FULL = (30, 60), (600, 1800)
"""Runs of the two studies."""
SHARES = ((1, 1), (1, 10), (1, 50), (2, 50), (4, 50))
"""Publishers, and runs in one transaction."""
PARTS = {
    "Ray Tune and the driver": "driver_cpu_seconds",
    "search": "search_cpu_seconds",
    "publishing": "mlflow_cpu_seconds",
    "Ray's control service": "gcs_cpu_seconds",
    "the node's daemon": "raylet_cpu_seconds",
}
"""What is one of a kind, and the daemon, of which every node has its own."""


def measure(quick: bool) -> Measured:
    """A row for each part and sampler, then one for each way to publish."""
    rows = [row for sampler in ("random", "tpe") for row in _parts(sampler, quick)]
    lacking = servers.missing()
    for database in ("SQLite",) if lacking else ("SQLite", "PostgreSQL"):
        for publishers, together in SHARES[:2] if quick else SHARES:
            if database == "PostgreSQL" or publishers == 1:
                say(f"{database}, {publishers} publishers, {together} runs together")
                rows.append(_share(database, publishers, together, 20 if quick else 400))
    return rows, [f"PostgreSQL was not measured: {lacking}."] if lacking else []


def per_run(small: Row, large: Row) -> dict[str, float]:
    """Milliseconds of a core that one more run costs each part."""
    more = large["runs"] - small["runs"]
    cost = {part: 1000 * (large[name] - small[name]) / more for part, name in PARTS.items()}
    cost["Ray Tune and the driver"] -= cost["search"] + cost["publishing"]
    return cost


def _parts(sampler: str, quick: bool) -> list[Row]:
    found = []
    for runs in QUICK if quick else FULL:
        say(f"{runs} runs, {sampler}")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            found.append(fresh.submit(one_study, sampler, runs).result())
    return [
        {
            "part": f"{part}, {sampler}",
            "ms_per_run": cost,
            "shortest": WORKERS * cost / 1000,
        }
        for part, cost in per_run(*found).items()
    ]


def _share(name: str, publishers: int, together: int, runs: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="limits-") as place:
        os.chmod(place, 0o755)  # PostgreSQL's own user passes through
        folder = Path(place)
        sqlite = nullcontext(f"sqlite:///{folder}/mlflow.db")
        database: AbstractContextManager[str] = (
            sqlite if name == "SQLite" else servers.postgresql(folder / "postgresql")
        )
        with database as uri:
            begun = _of_postgresql(folder)
            told = publish_shares(uri, folder / "study", publishers, together, runs)
            row: Row = {"database": name, "publishers": publishers, "together": together}
            own = _of_postgresql(folder) - begun
            return row | {
                "runs": runs,
                "seconds": told["seconds"],
                "runs_per_second": runs / told["seconds"],
                "publisher_ms": 1000 * told["cpu_seconds"] / runs,
                "database_ms": 1000 * own / runs if name == "PostgreSQL" else None,
                "wrong": told["wrong"],
            }


def _of_postgresql(folder: Path) -> float:
    """Seconds of a core that the database system in a folder has used."""
    data = os.fsencode(folder / "postgresql" / "data")
    everything = family(1)
    found = [
        process
        for process, line in zip(everything, commands(everything), strict=True)
        if data in line.split(b"\0")
    ]
    return core_seconds(family(int(found[0].name))) if found else 0.0


def section(result: Result) -> str:
    """Both tables in words and numbers, for the page."""
    parts = [row for row in result["rows"] if "part" in row]
    shares = [row for row in result["rows"] if "database" in row]
    worst = max(parts, key=lambda row: row["ms_per_run"])
    of_parts = {
        "part": "part",
        "ms_per_run": "ms of a core for each run",
        "shortest": f"seconds that a run must take with {WORKERS} workers",
    }
    of_shares = {
        "database": "database",
        "publishers": "publishers",
        "together": "runs in a transaction",
        "runs": "runs",
        "runs_per_second": "runs a second",
        "publisher_ms": "publisher (ms of a core a run)",
        "database_ms": "PostgreSQL (ms of a core a run)",
        "wrong": "lost, twice or altered",
    }
    return f"""\
A study has one driver with one publisher, one head of Ray and one database, however many workers
there are. Milliseconds of a core that one more run costs each of them, in packs of 6; {WORKERS}
workers keep a part busy all the time when runs take less than the last column says. The first three
share one process of Python and therefore one core. First of all the limit is {worst["part"]}.

{markdown_table(parts, of_parts)}

What several publishers of one study do about it, each with its share of the runs, and more runs in
a transaction:

{markdown_table(shares, of_shares)}"""


def figure(result: Result, file: Path) -> None:
    """The cost of every part."""
    parts = [row for row in result["rows"] if "part" in row][::-1]
    with subplots(width=7.0, height=2.6) as (canvas, (axis,)):
        costs = [row["ms_per_run"] for row in parts]
        axis.barh([row["part"] for row in parts], costs, color=PALETTE[1])
        axis.set(xlabel="ms of a core for each run")
        saved(canvas, file)


if __name__ == "__main__":
    main("limits", measure)
