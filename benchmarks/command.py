"""The command line that all tables share: measure, print, and keep the result where asked."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine

Row = dict[str, Any]
Result = dict[str, Any]
Measured = list[Row] | tuple[list[Row], list[str]]


def main(
    name: str,
    measure: Callable[..., Measured],
    quick_help: str = "fewer cases and rounds: to see that it works, not to keep",
    arguments: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Result:
    """Run ``measure(quick)``, print its rows as a table and write the result where ``--json`` says.

    ``measure`` returns rows (plain data, None where something could not be measured), or rows and
    notes. ``options`` are further arguments of the command line (as of ``add_argument``, by their
    names), which ``measure`` gets by keyword. Exits with code 2 where the file cannot be written,
    before anything is measured.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result in FILE")
    parser.add_argument("--quick", action="store_true", help=quick_help)
    for option, settings in (options or {}).items():
        parser.add_argument(f"--{option}", **settings)
    chosen = parser.parse_args(arguments)
    file: Path | None = chosen.json
    further = {option: getattr(chosen, option) for option in options or ()}
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        parser.error(f"argument --json: {file} must be a file in a folder that exists")
    asked = [
        word
        for option, values in further.items()
        for value in (values if isinstance(values, list) else [values] if values else [])
        for word in (f"--{option}", str(value))
    ]
    result = _result(name, partial(measure, **further), chosen.quick, file, asked)
    print(table(result["rows"]))
    for note in result["notes"]:
        print(f"\n{note}")
    if file is not None:
        file.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return result


def say(line: str) -> None:
    """A line of progress, on stderr."""
    print(f"{datetime.now():%H:%M:%S} {line}", file=sys.stderr, flush=True)


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned text, one column per key of any row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, *[[shown(row.get(name)) for name in names] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def shown(value: object) -> str:
    """A cell: numbers to three digits, a dash for what was not measured."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value)


def _result(
    name: str,
    measure: Callable[..., Measured],
    quick: bool,
    file: Path | None,
    asked: Sequence[str],
) -> Result:
    command = ["python", "-m", f"benchmarks.{name}", *["--quick"] * quick, *asked]
    command += ["--json", file.name] if file else []
    before = {
        "benchmark": name,
        "command": " ".join(command),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine.describe(),
        "versions": machine.versions(),
    }
    measured = measure(quick)
    rows, notes = measured if isinstance(measured, tuple) else (measured, [])
    return {**before, "rows": rows, "notes": notes}
