"""The reference, written from the code: ``reference/`` beside the pages, which git ignores."""

import shutil
from pathlib import Path

from sitegen.reference import (
    columns,
    command_line,
    families,
    gallery,
    python_api,
    repository,
    study_file,
)


def write_reference(docs: Path, url: str = "") -> None:
    """Write every page of ``docs/reference``; pages that are no longer made are removed.

    ``url`` is the address of the repository, if there is one.
    """
    folder = docs / "reference"
    made = {
        "index.md": _INDEX,
        **study_file.pages(),
        **families.pages(),
        **command_line.pages(),
        **columns.pages(),
        **python_api.pages(),
        **gallery.pages(),
        **repository.pages(docs, url),
    }
    for name, text in made.items():
        _write(folder / name, text)
    for file in folder.rglob("*.md"):
        if file.relative_to(folder).as_posix() not in made:
            file.unlink()
    for empty in (each for each in folder.iterdir() if each.is_dir() and not any(each.iterdir())):
        shutil.rmtree(empty)


def _write(file: Path, text: str) -> None:
    """Leave a file alone that has the text already, so that Sphinx reads only what changed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")


_INDEX = """# Reference

These pages are made from the code whenever the site is built: the schema of study files, the
families of parts, the command line and the docstrings.
"""
