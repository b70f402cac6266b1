"""Every link of a Markdown page that stays in the checkout leads somewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.checkout import ROOT, tracked
from tests.links import anchors, broken, external, targets, unanswered


def pages() -> list[Path]:
    return [file for file in tracked() if file.suffix == ".md"]


def test_links_lead_to_files_and_headings_that_are_there() -> None:
    found = {str(file.relative_to(ROOT)): list(broken(file)) for file in pages()}
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# One\n\n## Two `x` & three\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md#two-x--three) [b](there.md#four) ![c](gone.png) [d](../out.md) [e](#here)\n"
        '# Here\n\n```\n[in code](nowhere.md)\n```\n`[in code](nowhere.md)` <img src="no.svg">\n'
    )
    assert list(broken(page, tmp_path)) == [
        "there.md#four: there.md has no such heading",
        "gone.png leads nowhere",
        "../out.md leads out of the checkout",
        "no.svg leads nowhere",
    ]


def test_headings_of_the_same_words_are_numbered() -> None:
    assert anchors("# A\n\n## A\n\n(label)=\n# [B](c.md)\n") == {"a", "a-1", "label", "b"}


def test_addresses_are_found_in_every_form(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](https://a.org/x#y) <https://b.org>\n\n[c]: https://c.org\n[d](d.md)\n")
    assert external([page]) == ["https://a.org/x", "https://b.org", "https://c.org"]
    assert targets('[e](e.png "a title")') == ["e.png"]


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_that_does_not_answer_is_told_with_the_reason(site: str) -> None:
    assert unanswered(f"{site}/there") == ""
    assert unanswered(f"{site}/gone") == "404 Not Found"
