"""How a page is made of its template, and put in place."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io.json import to_json_plotly

from analysis.report.unbroken import unbroken
from analysis.wording import model_name

PAGE = Environment(
    loader=PackageLoader("analysis", "report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGE.filters["title_of"] = model_name
PAGE.filters["base64"] = lambda file: base64.b64encode(file.read_bytes()).decode()
PAGE.filters["unbroken"] = unbroken
PAGE.filters["json"] = lambda value: Markup(to_json_plotly(value))  # escapes < and > and /


def now() -> str:
    """The moment at which a page is made."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def written(page: str, file: Path) -> Path:
    """The page's file, written beside and renamed, so that a reader never sees half of it."""
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(page, encoding="utf-8")
    return beside.replace(file)
