"""``verify`` in a folder that cannot be written, where SQLite cannot even read in place."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pytest

from tests.sweeps.command import pinn_sweep
from tests.sweeps.samples import VERIFIED


@pytest.fixture
def archive(done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs folder, with MLflow's database, that says that it cannot be written."""
    runs = tmp_path / "archive"
    copytree(done / "runs", runs)
    code, _, message = pinn_sweep("sync", "sample", "--runs-dir", runs)
    assert code == 0, message

    def access(path: Path, mode: int) -> bool:
        return not (mode & os.W_OK and Path(path).is_relative_to(runs))

    monkeypatch.setattr(os, "access", access)
    return runs


def verify(archive: Path, *words: str) -> tuple[int, str, str]:
    """What the command says; nothing may be written meanwhile."""
    before = {file: file.stat().st_mtime_ns for file in (archive, *archive.rglob("*"))}
    said = pinn_sweep("verify", "sample", "--runs-dir", archive, *words)
    assert {file: file.stat().st_mtime_ns for file in (archive, *archive.rglob("*"))} == before
    return said


def test_mlflow_is_read_from_a_copy(archive: Path) -> None:
    assert verify(archive)[:2] == (0, VERIFIED)
    with closing(sqlite3.connect(archive / "mlflow.db")) as database, database:
        database.execute("update params set value = '0.5' where key = 'phases.0.learning_rate'")
    code, said, _ = verify(archive)
    assert code == 1
    assert "mlflow: " in said


def test_without_mlflow_the_store_is_verified(archive: Path) -> None:
    (archive / "mlflow.db").unlink()
    code, said, _ = verify(archive)
    why = f"there is no {archive}/mlflow.db, and its folder is read-only"
    replayed, verdict = VERIFIED.splitlines()
    assert (code, said.splitlines()) == (0, [replayed, f"MLflow was left out: {why}", verdict])
    found = json.loads(verify(archive, "--json")[1])
    assert (found["findings"], found["mlflow_left_out"]) == ([], why)


def test_an_address_that_was_named_has_to_be_there(archive: Path) -> None:
    code, said, message = verify(archive, "--tracking-uri", f"sqlite:///{archive}/other.db")
    assert (code, said) == (2, "")
    assert "is not a folder that can be written" in message


def test_a_damaged_database_is_a_finding(archive: Path) -> None:
    (archive / "mlflow.db").write_bytes(b"no database " * 1000)
    code, said, _ = verify(archive)
    assert code == 1
    assert f"mlflow: study: the records at sqlite:///{archive}/mlflow.db cannot be read" in said
    assert f"{archive}/mlflow.db is damaged" in said
