"""Addresses of MLflow: which are refused, how passwords are masked, how a database is made."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.store.faults import Fault, reached
from sweeps.tracking import tracking_address
from sweeps.tracking.empty_database import empty_database
from sweeps.tracking.mlflow_client import open_client
from sweeps.tracking.publishing import make_database
from sweeps.tracking.tracking import check_tracking, default_tracking_uri, masked
from tests.sweeps.published_runs import free_port, uri

__all__ = ["uri"]


def test_a_database_whose_making_was_cut_short_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "runs" / "mlflow.db"
    monkeypatch.setenv("SWEEP_FAULT", "after_write:raise")
    reached.clear()
    with pytest.raises(Fault):
        make_database(file)
    assert not file.exists()
    monkeypatch.delenv("SWEEP_FAULT")
    make_database(file)
    check_tracking(f"sqlite:///{file}")
    made = file.read_bytes()
    make_database(file)  # a second driver's comes too late
    assert file.read_bytes() == made
    assert {found.name for found in file.parent.iterdir()} <= {"mlflow.db", ".lock"}


def test_the_tables_that_are_kept_are_taken_if_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    made = empty_database("file:///artifacts")
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    assert empty_database("file:///artifacts") == made
    kept.write_bytes(whole[:-1] + b"?")
    again = empty_database("file:///artifacts")
    assert again[-1:] != b"?"
    (tmp_path / "mlflow.db").write_bytes(again)
    check_tracking(f"sqlite:///{tmp_path}/mlflow.db")


def test_the_experiment_default_lies_beside_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        make_database(tmp_path / name / "runs" / "mlflow.db")
        client = open_client(f"sqlite:///{tmp_path}/{name}/runs/mlflow.db")
        (default,) = client.search_experiments()
        assert default.name == "Default"
        place = tmp_path / name / "runs" / "artifacts" / "Default"
        assert default.artifact_location == place.as_uri()


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Something that accepts connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("./mlruns", "found scheme '', allowed: http, https, sqlite.*sqlite:///path/mlflow.db"),
        ("file:///tmp/mlruns", "found scheme 'file'"),
        ("sqlit:///mlflow.db", "did you mean 'sqlite'"),
        ("sqlite:///{here}", "is a folder"),
        ("sqlite:///{here}/notes.txt/mlflow.db", "notes.txt is not a folder that can be written"),
        ("sqlite:///{here}/notes.txt", "file is not a database"),
        ("http://127.0.0.1:{port}", "Connection refused"),
        ("postgresql://ada:lovelace@127.0.0.1:{port}/mlflow", r"'postgresql://\*\*\*@"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    tmp_path: Path, address: str, complaint: str
) -> None:
    (tmp_path / "notes.txt").write_text("bread, milk, eggs" * 100)
    address = address.format(here=tmp_path, port=free_port())
    with pytest.raises(StudyError, match=complaint) as refused:
        check_tracking(address)
    assert "lovelace" not in str(refused.value)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("module", "address", "store", "complaint"),
    [
        ("psycopg", "postgresql://127.0.0.1/mlflow", None, "[postgresql]'"),
        ("boto3", "postgresql://127.0.0.1/mlflow", "s3://bucket/studies", "[s3]'"),
    ],
)
def test_an_address_that_needs_an_optional_module_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, module: str, address: str, store: str | None, complaint: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StudyError) as refused:
        check_tracking(address, store=store)
    said = f"the Python module {module} is not installed: pip install 'pinn-sweeps"
    assert str(refused.value).endswith(said + complaint)


@pytest.mark.parametrize("store", [None, "s3://bucket/studies"])
def test_an_sqlite_database_needs_no_optional_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: str | None
) -> None:
    for module in ("psycopg", "boto3"):
        monkeypatch.setitem(sys.modules, module, None)
    check_tracking(default_tracking_uri(tmp_path / "runs"), store=store)


def test_a_server_that_does_not_answer_is_refused_in_time(
    silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_address, "DEADLINE", 0.5)
    with pytest.raises(StudyError, match=rf"{silent_server}' cannot be used: no answer within"):
        check_tracking(f"http://{silent_server}")


def test_a_good_address_is_accepted_and_nothing_is_created(uri: str, tmp_path: Path) -> None:
    check_tracking(uri)
    check_tracking(default_tracking_uri(tmp_path / "runs"))
    assert list(tmp_path.iterdir()) == []


def test_credentials_are_masked_wherever_they_stand() -> None:
    assert masked(r"https://boss:\s/?#s@host/x: no answer") == "https://***@host/x: no answer"
    assert masked("postgresql://ada:secrets@h/db") == "postgresql://***@h/db"
    assert masked("http://ada:love@lace@host:5000/x failed") == "http://***@host:5000/x failed"
    assert masked("postgresql://h/db?user=ada&password=x&a=1").endswith("password=***&a=1")
    assert masked("sqlite:////home/ada@lab/mlflow.db") == "sqlite:////home/ada@lab/mlflow.db"
