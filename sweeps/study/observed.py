"""The observations of a study: read before the study is, which then names them by their hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pinn_core.observations.table import DataError, known, read_file, remember
from sweeps.errors import StudyError, excerpt
from sweeps.study.plain_yaml import Keys
from sweeps.study.study_file import StudyFile, folder_of

FILE, COLUMNS, CONTENT = "file", "columns", "content"


def read_data_of(file: StudyFile, source: str) -> None:
    """Read the tables that a study file names, relative to where it lies, and note their hashes.

    An entry that has a hash already stands in a study that began: without its file it needs that
    this process has the table. Raises ``StudyError`` naming the file and the line.
    """
    for keys, entry in _entries(file):
        name, columns = entry.get(FILE), entry.get(COLUMNS)
        if name is None:
            message = "missing, this key is required"
        elif not isinstance(name, str) or not isinstance(columns, dict):
            continue  # what is no name of a file, or no mapping of names, the schema refuses
        else:
            message = _noted(entry, folder_of(source) / name, columns)
        if message:
            where = ".".join(map(str, (*keys, FILE)))
            raise StudyError(f"{file.place((*keys, FILE))}: {where}: {message}")


def _noted(entry: dict[str, Any], path: Path, columns: dict[str, str]) -> str:
    """Note the hash of an entry's table; returns what is wrong, if anything is."""
    began = entry.get(CONTENT)
    if isinstance(began, str) and known(began) and not _is_there(path):
        return ""
    try:
        table = read_file(path, columns)
    except DataError as error:
        return str(error)
    if began and table.content != began:
        says = f"than content says ({excerpt(began)})"
        return f"{path.name} holds other data ({table.content}) {says}"
    entry[CONTENT] = remember(table)
    return ""


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _entries(file: StudyFile) -> Iterator[tuple[Keys, dict[str, Any]]]:
    """Every entry of a list ``data``, and the keys that lead to it."""
    models = file.data.get("models")
    named = models if isinstance(models, dict) else {}
    sections: list[tuple[Keys, Any]] = [(("base",), file.data.get("base"))]
    sections += [
        (("models", name, "base"), model.get("base"))
        for name, model in named.items()
        if isinstance(model, dict)
    ]
    for keys, base in sections:
        held = base.get("data") if isinstance(base, dict) else None
        for place, entry in enumerate(held if isinstance(held, list) else []):
            if isinstance(entry, dict):
                yield (*keys, "data", place), entry
