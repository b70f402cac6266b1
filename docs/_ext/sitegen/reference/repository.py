"""Markdown files of the repository that are pages of the site too."""

from pathlib import Path

from sitegen.links import PAGES, turned


def pages(docs: Path, url: str) -> dict[str, str]:
    """Their pages, links turned; ``url`` is the address of the repository, if there is one."""
    return {
        f"{Path(page).relative_to('reference')}.md": _page(
            docs.parent / name, docs / page, docs, url
        )
        for name, page in PAGES.items()
        if page.startswith("reference/")
    }


def _page(file: Path, page: Path, docs: Path, url: str) -> str:
    text = turned(file.read_text("utf-8"), file, page, docs, url)
    return text[text.index("# ") :]
