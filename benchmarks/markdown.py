"""Tables of the page."""

from collections.abc import Sequence
from typing import Any

from benchmarks.command import shown


def markdown_table(rows: Sequence[dict[str, Any]], names: dict[str, str] | None = None) -> str:
    """Rows as a Markdown table, numbers to the right.

    ``names`` picks columns and gives their headings, in order; without it every key is one.
    """
    columns = names or {key: key.replace("_", " ") for row in rows for key in row}
    lines = [
        list(columns.values()),
        ["---:" if _numbers(rows, key) else ":---" for key in columns],
        *[[shown(row.get(key)) for key in columns] for row in rows],
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _numbers(rows: Sequence[dict[str, Any]], key: str) -> bool:
    return all(isinstance(row.get(key), int | float | None) for row in rows)
