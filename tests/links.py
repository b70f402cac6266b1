"""Links of Markdown pages; as a command it asks every external address that they name.

    python -m tests.links

The command needs the network and is part of the release checklist; the tests look at what lies in
the checkout alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote
from urllib.request import Request, urlopen

from tests.checkout import ROOT, tracked

EXTERNAL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
SECONDS = 20


def targets(page: str) -> list[str]:
    """Where the links and pictures of a page lead, in Markdown, in references and in HTML."""
    prose = _without_code(page)
    inline = re.findall(r"\]\(\s*<?([^\s)>]+)>?(?:\s+\"[^\"]*\")?\s*\)", prose)
    references = re.findall(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", prose, re.MULTILINE)
    html = re.findall(r"\b(?:href|src)=\"([^\"]+)\"", prose)
    return [*inline, *references, *html, *re.findall(r"<(https?://[^>\s]+)>", prose)]


def anchors(page: str) -> set[str]:
    """Names of a page's headings, as hosts of repositories make them, and those given by hand."""
    prose = _without_code(page, spans=False)
    names: set[str] = set()
    for heading in re.findall(r"^ {0,3}#{1,6} +(.+?)(?: +#+)? *$", prose, re.MULTILINE):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        alike = (f"{name}-{k}" if k else name for k in count())
        names.add(next(one for one in alike if one not in names))
    by_hand = re.findall(r"\b(?:id|name)=\"([^\"]+)\"|^\(([\w-]+)\)=$", prose, re.MULTILINE)
    return names | {one or other for one, other in by_hand}


def broken(file: Path, root: Path = ROOT) -> Iterator[str]:
    """What is wrong with a page's links into its checkout."""
    page = file.read_text(encoding="utf-8")
    for target in targets(page):
        if EXTERNAL.match(target):
            continue
        path, _, anchor = target.partition("#")
        there = file.parent / unquote(path) if path else file
        if not there.resolve().is_relative_to(root.resolve()):
            yield f"{target} leads out of the checkout"
        elif not there.exists():
            yield f"{target} leads nowhere"
        elif anchor and there.suffix == ".md" and anchor not in _anchors_of(there):
            yield f"{target}: {there.name} has no such heading"


def external(pages: Iterable[Path]) -> list[str]:
    """The http addresses in pages, without what follows ``#``."""
    found = (target for page in pages for target in targets(page.read_text(encoding="utf-8")))
    return sorted({url.partition("#")[0] for url in found if re.match("https?:", url)})


def unanswered(url: str) -> str:
    """Why an address cannot be read; empty if it can."""
    request = Request(url, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urlopen(request, timeout=SECONDS):
            return ""
    except HTTPError as error:
        return f"{error.code} {error.reason}"
    except OSError as error:
        return str(error)


def _anchors_of(file: Path) -> set[str]:
    return anchors(file.read_text(encoding="utf-8"))


def _without_code(page: str, *, spans: bool = True) -> str:
    fence = r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^ *\2[`~]* *$"
    prose = re.sub(fence, "", page, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", prose, flags=re.DOTALL) if spans else prose


def main() -> int:
    urls = external(file for file in tracked() if file.suffix == ".md")
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(urls, pool.map(unanswered, urls), strict=True))
    problems = [f"{url}: {why}" for url, why in answers.items() if why]
    print(*problems, f"{len(urls)} addresses, {len(problems)} without an answer", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
