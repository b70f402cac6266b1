"""The two tables of a study as files: CSV, Parquet or JSON."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.load import StudyData
from analysis.rules import PlateauRule
from analysis.tables import WHICH, curve_columns, curves, runs_table

Format = Literal["csv", "parquet", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
Curves = Literal["thinned", "whole"]
CURVES: tuple[Curves, ...] = get_args(Curves)


class Exported(NamedTuple):
    """The files of an export."""

    runs: Path
    curves: Path


def export(
    data: StudyData,
    rule: PlateauRule,
    folder: str | Path,
    to: Format = "csv",
    curves_are: Curves = "thinned",
) -> Exported:
    """Write `runs.<to>` and `curves.<to>` into the folder, which is made if need be.

    `analysis.tables` says what is in them. JSON is an array with an object for each row.
    Both files appear together, or none does. Raises FileExistsError for one that already exists,
    NotADirectoryError, and ValueError where the rule's curve was not recorded.
    """
    folder = Path(folder)
    files = Exported(folder / f"runs.{to}", folder / f"curves.{to}")
    _refuse_existing(files)
    names, frames = curve_columns(data), [runs_table(data, rule)]
    rows = curves(data, names, whole=curves_are == "whole")
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
    try:
        write = WRITERS[to]
        write(frames, beside / files.runs.name)
        write(rows, beside / files.curves.name)
        _put_in_place(beside, files)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise
    beside.rmdir()
    return files


def _refuse_existing(files: Sequence[Path]) -> None:
    folder = files[0].parent
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    for file in files:
        if file.exists():
            raise FileExistsError(f"{file} already exists")


def _put_in_place(beside: Path, files: Sequence[Path]) -> None:
    """Both files, or none; those that others put there meanwhile are not replaced."""
    _refuse_existing(files)
    placed: list[Path] = []
    try:
        for file in files:
            (beside / file.name).rename(file)
            placed.append(file)
    except OSError:
        for file in placed:
            file.unlink()
        raise


def _csv(frames: Iterable[pd.DataFrame], file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        for place, frame in enumerate(frames):
            frame.to_csv(out, index=False, header=place == 0)


def _parquet(frames: Iterable[pd.DataFrame], file: Path) -> None:
    """A row group for each frame."""
    writer: pq.ParquetWriter | None = None
    try:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            table = table.cast(_schema(table.schema)).replace_schema_metadata(None)
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _schema(found: pa.Schema) -> pa.Schema:
    """What is recorded is float64, in frames in which it is all null, too."""
    return pa.schema(
        [
            pa.field(each.name, pa.float64())
            if pa.types.is_null(each.type) and each.name not in WHICH
            else pa.field(each.name, pa.string())
            if pa.types.is_large_string(each.type)
            else pa.field(each.name, each.type)
            for each in found
        ]
    )


def _json(frames: Iterable[pd.DataFrame], file: Path) -> None:
    with file.open("w", encoding="utf-8") as out:
        between = "[\n"
        for frame in frames:
            between = _rows(frame, out, between)
        out.write("\n]\n")


def _rows(frame: pd.DataFrame, out: IO[str], between: str) -> str:
    plain = frame.astype(object).where(frame.notna(), None)
    for row in plain.to_dict("records"):
        out.write(between + json.dumps(row, default=_plain, allow_nan=False))
        between = ",\n"
    return between


def _plain(value: Any) -> Any:  # noqa: ANN401
    """One of numpy's numbers as Python's."""
    return value.item()


WRITERS: dict[Format, Callable[[Iterable[pd.DataFrame], Path], None]] = {
    "csv": _csv,
    "parquet": _parquet,
    "json": _json,
}
