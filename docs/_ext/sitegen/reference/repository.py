"""Markdown files of the repository that are pages of the site too."""

import re
from pathlib import Path

from sitegen.links import PAGES, turned


def pages(docs: Path) -> dict[str, str]:
    """Their pages, links turned."""
    return {
        f"{Path(page).relative_to('reference')}.md": _page(docs.parent / name, docs / page, docs)
        for name, page in PAGES.items()
        if page.startswith("reference/") and (docs.parent / name).exists()
    }


def _page(file: Path, page: Path, docs: Path) -> str:
    text = turned(file.read_text("utf-8"), file, page, docs, _url(docs))
    return re.sub(r"^((?!# ).)*?(?=^# )", "", text, count=1, flags=re.DOTALL | re.MULTILINE)


def _url(docs: Path) -> str:
    del docs
    return ""
