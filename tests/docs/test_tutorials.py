"""The README, the tutorials and the how-to pages, followed to the letter in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from sweeps.cli import app
from sweeps.study.study import load_study
from tests.docs.pages import ROOT, Page

PAGES = [
    Page(path)
    for path in (
        ROOT / "README.md",
        *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
        *sorted((ROOT / "docs" / "how-to").glob("*.md")),
    )
]
ELSEWHERE = {"cluster.md"}
"""Pages that tests/hosts follows, because they start Ray as a service."""


def named(pages: list[Page]) -> list[object]:
    return [pytest.param(page, id=page.path.relative_to(ROOT).as_posix()) for page in pages]


@pytest.mark.parametrize("page", named(PAGES))
def test_every_command_of_a_page_is_one_that_there_is(page: Page) -> None:
    verbs = typer.main.get_command(app)
    assert isinstance(verbs, TyperGroup)
    for words in page.commands:
        if words[0].startswith("--"):
            continue
        if "--help" not in words:
            verbs.commands[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("page", named([page for page in PAGES if page.blocks]))
def test_every_study_file_of_a_page_is_valid(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts_restored: None
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in page.write_files(tmp_path):
        if file.suffix == ".yaml":
            assert load_study(str(file)).models


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page",
    named(
        [
            page
            for page in PAGES
            if page.path.name not in ELSEWHERE and any(block.what == "run" for block in page.blocks)
        ]
    ),
)
def test_a_page_can_be_followed_to_the_letter(page: Page, tmp_path: Path) -> None:
    page.follow(tmp_path)
