"""Copies of a study's observations in its store: for workers, replays, and for reading.

``data/<hash>.parquet`` is a table by the hash of its content. It is data and no code: whoever reads
it sees by the hash that it is the one that a run was trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pinn_core.configuration import Configuration
from pinn_core.observations import Observations
from pinn_core.observations.table import DataError, Table, decoded, encoded, known, remember
from sweeps.errors import StudyError
from sweeps.store.blob_store import blob_store_at

FOLDER = "data"


def keep_observations(root: str, configurations: Iterable[Configuration]) -> None:
    """Copy the tables that configurations name to where they are not, or are damaged.

    Raises ``CannotWrite``.
    """
    for each in _observations(configurations):
        try:
            _copy(root, each.content)
        except StudyError:
            blob_store_at(root).write(_file(each.content), encoded(each.table))


def load_observations(root: str, configurations: Iterable[Configuration]) -> None:
    """Read the copies of the tables that this process does not have; raises ``StudyError``."""
    for each in _observations(configurations):
        if known(each.content) is None:
            try:
                remember(_copy(root, each.content))
            except StudyError as error:
                raise StudyError(f"observations {each.name!r}: {error}") from None


def damaged_observations(root: str, contents: Iterable[str]) -> dict[str, str]:
    """What is wrong with the copies of tables of these hashes that are not as they were."""
    found = {}
    for content in dict.fromkeys(contents):
        try:
            _copy(root, content)
        except StudyError as error:
            found[content] = str(error)
    return found


def _observations(configurations: Iterable[Configuration]) -> Iterator[Observations]:
    return (each for configuration in configurations for each in configuration.data)


def _copy(root: str, content: str) -> Table:
    """The copy of a table; raises ``StudyError``."""
    blobs, file = blob_store_at(root), _file(content)
    try:
        return decoded(blobs.read(file), content)
    except FileNotFoundError:
        where = f"there is no copy of the data {blobs.where(file)}"
        raise StudyError(f"{where}: name the study by its file, which names the data") from None
    except DataError as error:
        raise StudyError(f"{blobs.where(file)}: {error}") from None


def _file(content: str) -> str:
    return f"{FOLDER}/{content}.parquet"
