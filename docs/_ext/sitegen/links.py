"""Links to files outside the documentation, which GitHub follows and a site cannot.

With an address of the repository (``repository_url``) they lead there. Without one, a Markdown
file that is a page of the site is linked, any other file is a download, and a folder is named.
"""

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES = {
    "README.md": "index",
    "CHANGELOG.md": "reference/repository/changelog",
    "CONTRIBUTING.md": "reference/repository/contributing",
    "SECURITY.md": "reference/repository/security",
    "pinn_sweeps/data/README.md": "reference/repository/data-set",
}
"""Markdown files of the repository that the site shows, and the page of each."""

_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(
    r"(?P<image>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)"
)


def turn(app: "Sphinx", page: str, source: list[str]) -> None:
    """Turn the links of a page that Sphinx has read."""
    docs = Path(app.srcdir)
    if not page.startswith("reference/"):
        source[0] = turned(source[0], docs / page, docs / page, docs, app.config.repository_url)


def turned(text: str, file: Path, page: Path, docs: Path, url: str) -> str:
    """The text of ``file`` with its links as the page ``page`` of the site needs them."""
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_turned_prose(text[end : code.start()], file, page, docs, url), code.group()]
        end = code.end()
    return "".join([*parts, _turned_prose(text[end:], file, page, docs, url)])


def _turned_prose(text: str, file: Path, page: Path, docs: Path, url: str) -> str:
    def one(link: re.Match[str]) -> str:
        target = link["target"]
        place = (file.parent / target).resolve()
        if "://" in target or target.startswith("mailto:") or not place.exists():
            return link.group()  # a page that is missing is Sphinx's to report
        if place.is_relative_to(docs) and place.is_file():
            kept = _relative(place.relative_to(docs), page, docs)
            return f"{link['image']}[{link['words']}]({kept}{link['anchor'] or ''})"
        return _outside(link["words"], place.relative_to(docs.parent), page, docs, url)

    return _LINK.sub(one, text)


def _outside(words: str, name: Path, page: Path, docs: Path, url: str) -> str:
    """A link to a file or folder of the repository."""
    shown, folder = name.as_posix(), (docs.parent / name).is_dir()
    if shown in PAGES:
        return f"[{words}]({_relative(Path(PAGES[shown] + '.md'), page, docs)})"
    if url:
        return f"[{words}]({url.rstrip('/')}/{'tree' if folder else 'blob'}/main/{shown})"
    if folder:
        return words if words.strip("`") == shown else f"{words} (`{shown}` in the repository)"
    return f"[{words}]({_relative(Path('..') / name, page, docs)})"


def _relative(target: Path, page: Path, docs: Path) -> str:
    """``target``, relative to the documentation, as seen from a page."""
    up = len(page.relative_to(docs).parent.parts)
    return str(PurePosixPath(*[".."] * up, target.as_posix()))
