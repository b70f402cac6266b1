"""The command that all tables share: what it takes, prints, keeps and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.command import Measured, main, table

ROWS = [{"size": "small", "ms": 0.12345}, {"size": "large", "ms": None, "pack": 12}]


def measure(quick: bool) -> Measured:
    return (ROWS[:1] if quick else ROWS), ["One note."]


def test_a_result_says_what_when_where_and_with_what(tmp_path: Path) -> None:
    file = tmp_path / "step.json"
    main("step", measure, arguments=["--json", str(file)])
    result = json.loads(file.read_text())
    assert result["rows"] == ROWS
    assert result["notes"] == ["One note."]
    assert result["quick"] is False
    assert result["command"] == "python -m benchmarks.step --json step.json"
    assert result["date"].endswith("+00:00")
    assert result["machine"]["cores"] >= 1
    assert result["versions"]["torch"]
    assert str(tmp_path) not in file.read_text()


def test_quick_reaches_the_measurement_and_marks_the_result(tmp_path: Path) -> None:
    file = tmp_path / "step.json"
    main("step", measure, arguments=["--quick", "--json", str(file)])
    result = json.loads(file.read_text())
    assert result["quick"] is True
    assert result["rows"] == ROWS[:1]


def test_without_json_it_only_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main("step", measure, arguments=["--quick"])
    assert capsys.readouterr().out.splitlines()[1].split() == ["small", "0.123"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json"], "expected one argument"),
        (["--json", "nowhere/step.json"], "a folder that exists"),
        (["--json", "."], "must be a file"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_measured(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(quick: bool) -> Measured:
        raise AssertionError("measured")

    with pytest.raises(SystemExit) as ended:
        main("step", never, arguments=arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, "–"), (12345.6, "12346"), (0.012345, "0.0123"), (12, "12"), ("gelu", "gelu")],
)
def test_cells_are_short(value: Any, cell: str) -> None:
    assert table([{"x": value}]).split() == ["x", cell]


def test_no_rows_are_an_empty_table() -> None:
    assert table([]) == ""
