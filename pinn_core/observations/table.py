"""Tables of numbers from files, arrays and frames, known by the hash of what they hold.

A configuration names a table by its hash alone. The table itself is kept here, by the process that
read it; others get it as a Parquet file (``encoded``), and see by the hash that it is the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float
from numpy import ndarray

from pinn_core.messages import closest, excerpt, quoted

LEAST_ROWS = 2


class DataError(ValueError):
    """Observations that cannot be used; the message names the file and, where it is one, the row.

    Rows are counted from 1, the header of a CSV file is none.
    """


@dataclass(frozen=True)
class Table:
    """Columns of finite numbers in float64, of one length.

    >>> table = Table({"x": np.array([0.0, 1.0]), "u": np.array([2.0, 3.0])})
    >>> table.rows, table.content == decoded(encoded(table), table.content).content
    (2, True)
    """

    columns: Mapping[str, Float[ndarray, " n"]] = field(repr=False)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(next(iter(self.columns.values())))

    @cached_property
    def content(self) -> str:
        """Hash of the columns' names and values; their order does not matter, that of rows does."""
        state = hashlib.blake2b(digest_size=16)
        for name in sorted(self.columns):
            state.update(name.encode() + b"\0")
            state.update((self.columns[name] + 0.0).astype("<f8").tobytes())  # -0.0 is 0.0
        return state.hexdigest()


_known: dict[str, Table] = {}
"""The tables of this process by their hashes."""


def remember(table: Table) -> str:
    """Keep a table for this process; returns its hash."""
    _known[table.content] = table
    return table.content


def known(content: str) -> Table | None:
    """The table of this hash, if this process has it."""
    return _known.get(content)


def read_file(path: Path, columns: Mapping[str, str]) -> Table:
    """The columns of a CSV or Parquet file, by the names that ``columns`` gives them.

    Raises ``DataError``.
    """
    held, where = _file(path), excerpt(path.name)
    names = held.column_names
    found = {}
    for key, name in columns.items():
        if names.count(name) != 1:
            how = f"{names.count(name)} times" if name in names else "missing"
            listed = f"{excerpt(', '.join(names))}{closest(name, names)}"
            raise DataError(f"{where}: column {quoted(name)} is {how}, allowed: {listed}")
        found[key] = _numbers(held.column(name), where, name)
    return _checked(found, columns, where)


def table_of(data: Any, columns: Mapping[str, str] | Sequence[str], where: str) -> Table:  # noqa: ANN401
    """The same of a pandas frame or another mapping of columns, or of an array (n, columns).

    Of an array, ``columns`` names its columns in order. Raises ``DataError``.
    """
    try:
        if isinstance(columns, Mapping):
            found = {key: np.array(data[name], dtype=float) for key, name in columns.items()}
        else:
            held = np.array(data, dtype=float)
            if held.ndim != 2 or held.shape[1] != len(columns):
                shape = f"found an array of the shape {list(held.shape)}"
                raise DataError(f"{where}: {shape}, allowed: [n, {len(columns)}]")
            found = dict(zip(columns, held.T, strict=True))
    except KeyError as error:
        raise DataError(f"{where}: there is no column {error}") from None
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, DataError) else DataError(f"{where}: {error}") from None
    shapes = {column.shape for column in found.values()}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes):
        listed = ", ".join(sorted(str(list(shape)) for shape in shapes))
        raise DataError(f"{where}: its columns have the shapes {listed}, allowed: one length")
    return _checked(found, {key: key for key in found}, where)


def encoded(table: Table) -> bytes:
    """A table as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(table.columns)), sink)
    return bytes(sink.getvalue())


def decoded(file: bytes, content: str) -> Table:
    """The table that ``encoded`` wrote; raises ``DataError`` if it is not the one of this hash."""
    try:
        held = pq.read_table(pa.BufferReader(file))
        table = Table({name: held.column(name).to_numpy() for name in held.column_names})
        same = bool(table.columns) and table.content == content
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise DataError(f"damaged: {error}") from None
    if not same:
        raise DataError("damaged: its content is not what its name says")
    return table


def repeated(points: Float[ndarray, "n d"]) -> tuple[int, int] | None:
    """Two rows, counted from 1, that are the same; None if there are none."""
    _, first, place = np.unique(points, axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[place.ravel()] != np.arange(len(points)))
    return (int(first[place.ravel()[again[0]]]) + 1, int(again[0]) + 1) if len(again) else None


def _file(path: Path) -> pa.Table:
    """All columns of a file; raises ``DataError``."""
    if path.suffix not in (".csv", ".parquet"):
        raise DataError(f"{excerpt(path.name)}: allowed are files that end in .csv or .parquet")
    try:
        if not path.is_file():
            raise DataError(f"there is no file {excerpt(path)}")
        if path.suffix == ".parquet":
            return pq.read_table(path)
        from pyarrow import csv

        held = csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        allowed = "; allowed in a CSV file: commas between columns, points in numbers"
        hint = allowed if path.suffix == ".csv" else ""
        raise DataError(f"{excerpt(path.name)} cannot be read: {excerpt(error)}{hint}") from None
    return held


def _numbers(column: pa.ChunkedArray, where: str, name: str) -> Float[ndarray, " n"]:
    """A column's numbers, NaN for empty cells; raises ``DataError`` where it holds others."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind):
        return np.array(column.to_numpy(), dtype=float)
    cells = column.to_pylist()
    row = next((row for row, cell in enumerate(cells, 1) if cell is not None), 1)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        row = next((row for row, cell in enumerate(cells, 1) if not _is_number(cell)), row)
    found = quoted(str(cells[row - 1]))
    raise DataError(f"{where}, row {row}: column {quoted(name)} holds {found}, allowed: numbers")


def _is_number(cell: str | None) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _checked(found: dict[str, ndarray], columns: Mapping[str, str], where: str) -> Table:
    """The table of these columns, whose cells have to be finite."""
    if not found:
        raise DataError(f"{where}: columns names no column, allowed: at least one")
    for key, column in found.items():
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            cell = "empty or NaN" if np.isnan(column[bad[0]]) else str(column[bad[0]])
            raise DataError(
                f"{where}, row {bad[0] + 1}: column {quoted(columns[key])} is {cell}, "
                "allowed: finite numbers"
            )
    table = Table(found)
    if table.rows < LEAST_ROWS:
        raise DataError(f"{where}: found {table.rows} rows, allowed: at least {LEAST_ROWS}")
    return table
