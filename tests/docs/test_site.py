"""The site as a reader has it: built without a warning, whole, and from nowhere else."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from sitegen.reference.families import slug

from pinn_core.parts import FAMILIES
from tests.browser import browser, needs_browser

__all__ = ["browser"]

pytest.importorskip("sphinx", reason="needs the extra docs")
pytestmark = pytest.mark.slow
DOCS = Path(__file__).resolve().parents[2] / "docs"
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links, loads and can be linked at."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors = {""}
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found.get("id") or "", found.get("name") or ""}
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if tag in LOADED and found.get(LOADED[tag]):
            self.loaded.append(str(found[LOADED[tag]]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error."""
    made = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", str(made / "d")]
    built = subprocess.run(
        [*command, str(DOCS), str(made / "html")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return made / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in site.rglob("*.html")}


def test_every_link_within_the_site_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            known = pages[target].anchors if target in pages else {unquote(parts.fragment)}
            if not target.exists() or unquote(parts.fragment) not in known:
                broken.append(f"{file.relative_to(site)}: {link}")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = [(file, name) for file, page in pages.items() for name in page.loaded]
    assert loaded
    for file, name in loaded:
        parts = urlsplit(name)
        inline = parts.scheme == "data"
        assert inline or not (parts.scheme or parts.netloc), (file, name)
        assert inline or (file.parent / unquote(parts.path)).exists(), (file, name)
    for style in site.rglob("*.css"):
        assert "@import" not in style.read_text("utf-8"), style
        assert "url(http" not in style.read_text("utf-8").replace('"', ""), style


def test_every_family_has_its_page(site: Path) -> None:
    for family in FAMILIES.values():
        page = (site / "reference" / "families" / f"{slug(family)}.html").read_text("utf-8")
        for kind in family.names():
            assert f'<span class="pre">{kind}</span>' in page


@needs_browser
def test_search_finds_a_part_from_a_folder(site: Path, browser: webdriver.Chrome) -> None:
    browser.get((site / "index.html").as_uri())
    field = browser.find_element(By.NAME, "q")
    field.send_keys("relobralo")
    field.submit()
    found = WebDriverWait(browser, 60).until(
        lambda page: page.find_elements(By.CSS_SELECTOR, "#search-results li a")
    )
    assert any("families/weightings.html" in str(each.get_attribute("href")) for each in found)
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@needs_browser
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(
    "page",
    ["index", "reference/families/problems", "reference/study-file", "benchmarks"],
)
def test_no_page_is_wider_than_the_screen(
    site: Path, browser: webdriver.Chrome, page: str, width: int
) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get((site / f"{page}.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
