"""Tables of text: what the template sets, and how values become cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from analysis.wording import NONE


class Rows(NamedTuple):
    """A table: its header and its cells."""

    header: tuple[str, ...]
    cells: Sequence[tuple[str, ...]]

    def turned(self, corner: str) -> Rows:
        """The same table with its columns as rows; `corner` is its first heading."""
        header, *cells = zip(self.header, *self.cells, strict=True)
        return Rows((corner, *header[1:]), cells)


def text(value: Any) -> str:  # noqa: ANN401
    """One value of a configuration or a run; a dash for what is not there."""
    if pd.isna(value) or value == "":
        return NONE
    return f"{value:g}" if isinstance(value, float) else str(value)


def one_or_all(values: Iterable[Any]) -> str:
    """The one value that all share, or all that occur."""
    return ", ".join(dict.fromkeys(text(value) for value in values)) or NONE
