"""One bit of MLflow's SQLite file is another: what ``run``, ``sync`` and ``verify`` say then."""

from __future__ import annotations

import re
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.execution import launch as launch_module
from sweeps.execution.launch import run_study
from sweeps.tracking import tracking
from tests.sweeps.launching import SMALL, sample
from tests.sweeps.samples import VERIFIED
from tests.sweeps.test_study_on_s3 import pinn_sweep

VERBS = ("run", "sync", "verify")


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
    monkeypatch.setattr(tracking, "PATIENCE", 0.1)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study when it is done; MLflow's database is one file."""
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        screen = Console(file=StringIO())
        study = sample(folder)
        assert run_study(study, runs_dir=folder / "runs", executor="inline", console=screen) == 0
    with closing(sqlite3.connect(folder / "runs" / "mlflow.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def flipped(done: Path, tmp_path: Path, bit: int, offset_in: Callable[[Path], int]) -> Path:
    """A copy of the study's folder, with one bit of one byte of the database flipped."""
    folder = tmp_path / "copy"
    shutil.copytree(done, folder)
    database = folder / "runs" / "mlflow.db"
    content = bytearray(database.read_bytes())
    content[offset_in(database)] ^= 1 << bit
    database.write_bytes(content)
    return folder


def ask(folder: Path, verb: str) -> tuple[int, str]:
    """Exit code of a verb, and all that it said; a traceback fails the test."""
    what = [str(folder / "sample.yaml"), *SMALL] if verb == "run" else ["sample"]
    code, said, message = pinn_sweep(verb, *what, "--runs-dir", folder / "runs")
    assert "Traceback" not in said + message
    return code, said + message


def start_of(table: str) -> Callable[[Path], int]:
    """Where the first page of a table, or of an index, begins in the file."""

    def offset(database: Path) -> int:
        with closing(sqlite3.connect(database)) as opened:
            (size,) = opened.execute("PRAGMA page_size").fetchone()
            query = "select rootpage from sqlite_master where name = ?"
            (page,) = opened.execute(query, [table]).fetchone()
        return int((page - 1) * size)

    return offset


def last_of(text: bytes) -> Callable[[Path], int]:
    """Where the last byte of a text is in the file, at its first place there."""
    return lambda database: database.read_bytes().index(text) + len(text) - 1


def point_of_a_curve(database: Path) -> int:
    """Where the last byte of a number is that a curve has in its middle."""
    with closing(sqlite3.connect(database)) as opened:
        curve = "select value from metrics where key = 'loss/regression' and step = 3"
        ((value,), *_) = opened.execute(curve).fetchall()
    return last_of(struct.pack(">d", value))(database)


def last_number_of_a_run(database: Path) -> int:
    """Where the last byte of a number is that SQLite reads there, and keeps in no index of its own.

    It is one of a committed run: the parents' medians have the same name. And the same bytes may
    lie where SQLite reads nothing: in what a page left behind when it was divided.
    """
    query = """select latest_metrics.value from latest_metrics join tags using (run_uuid)
        where latest_metrics.key = 'final.loss/regression' and tags.key = 'run_id'"""
    with closing(sqlite3.connect(database)) as opened:
        stored = opened.execute(query).fetchall()
    content = database.read_bytes()
    texts = {b"final.loss/regression" + struct.pack(">d", value) for (value,) in stored}
    for match in re.finditer(b"|".join(map(re.escape, sorted(texts))), content):
        changed = bytearray(content)
        changed[match.end() - 1] ^= 1
        changed[18:20] = b"\1\1"  # in memory there is no second file with what is new
        with closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(changed)
            whole = copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            if whole and copy.execute(query).fetchall() != stored:
                return match.end() - 1
    raise AssertionError("every place of the number is watched by an index")


HEADER = "the file's header"
PAGES = ("runs", "tags", "params", "metrics", "latest_metrics", "sqlite_autoindex_runs_1")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("where", [HEADER, *PAGES])
def test_a_file_that_is_damaged_is_named_with_what_to_do(
    where: str, verb: str, done: Path, tmp_path: Path
) -> None:
    offset_in = (lambda _: 0) if where == HEADER else start_of(where)
    code, said = ask(flipped(done, tmp_path, 1, offset_in), verb)
    assert code == 2
    assert re.fullmatch(
        r"pinn-sweep: tracking address .* cannot be used: \S+mlflow.db is damaged \(.*\); every run"
        r" is safe in its store: rename the file, then .* pinn-sweep sync STUDY for each study\n",
        said,
    )


def test_an_index_that_lost_its_end_does_not_bring_runs_twice(done: Path, tmp_path: Path) -> None:
    def count_of_entries(database: Path) -> int:
        return start_of("sqlite_autoindex_runs_1")(database) + 4

    folder = flipped(done, tmp_path, 1, count_of_entries)
    assert ask(folder, "sync")[0] == 2


def test_the_advice_helps(done: Path, tmp_path: Path) -> None:
    folder = flipped(done, tmp_path, 1, start_of("runs"))
    assert ask(folder, "sync")[0] == 2
    database = folder / "runs" / "mlflow.db"
    database.rename(database.with_name("damaged.db"))
    code, said = ask(folder, "sync")
    assert (code, said.endswith(": 10 runs written, 0 already there\n")) == (0, True)
    assert ask(folder, "verify") == (0, VERIFIED)


@pytest.mark.parametrize(
    "text", [b"phases.0.learning_rate0.001", b"modelregression", b"seed0"], ids=str
)
@pytest.mark.parametrize("verb", ["run", pytest.param("sync", marks=pytest.mark.slow)])
def test_a_run_that_is_described_otherwise_is_written_anew(
    text: bytes, verb: str, done: Path, tmp_path: Path
) -> None:
    folder = flipped(done, tmp_path, 0, last_of(text))
    assert ask(folder, "verify")[0] == 1
    assert ask(folder, verb)[0] == 0
    assert ask(folder, "verify") == (0, VERIFIED)


def test_a_point_of_a_curve_that_is_another_damages_the_index(done: Path, tmp_path: Path) -> None:
    code, said = ask(flipped(done, tmp_path, 0, point_of_a_curve), "verify")
    assert code == 2
    assert "mlflow.db is damaged (" in said


def test_the_last_number_of_a_run_is_named(done: Path, tmp_path: Path) -> None:
    code, said = ask(flipped(done, tmp_path, 0, last_number_of_a_run), "verify")
    assert code == 1
    assert re.search(r"mlflow: \w{16}: final.loss/regression is \S+ in MLflow, \S+ stored\n", said)
    assert said.endswith("10 committed runs: 1 problem\n")


def test_a_text_that_is_none_any_more_is_named(done: Path, tmp_path: Path) -> None:
    folder = flipped(done, tmp_path, 7, last_of(b"phases.0.learning_rate0.001"))
    code, said = ask(folder, "verify")
    assert code == 1
    assert "mlflow: study: the records at sqlite:///" in said
    assert "cannot be read: Could not decode to UTF-8 column 'value'" in said
    code, said = ask(folder, "run")
    assert code == 0
    assert re.search(r"MLflow unreachable, \d+ runs waiting: Could not decode to UTF-8", said)
    assert "safe in the store: pinn-sweep sync sample" in said
    code, said = ask(folder, "sync")
    assert code == 2
    assert re.search(r"failed after \d+ runs: Could not decode to UTF-8", said)
    assert said.endswith(
        "; if the file is damaged, rename it, and the same command makes another\n"
    )
