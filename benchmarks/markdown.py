"""Tables of the page."""

from collections.abc import Sequence
from typing import Any

from benchmarks.command import shown


def markdown_table(rows: Sequence[dict[str, Any]], names: dict[str, str] | None = None) -> str:
    """Rows as a Markdown table; ``names`` picks columns and gives their headings, in order."""
    columns = names or {key: key.replace("_", " ") for row in rows for key in row}
    lines = [
        list(columns.values()),
        ["---:"] * len(columns),
        *[[shown(row.get(key)) for key in columns] for row in rows],
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
