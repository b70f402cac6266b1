"""The report in a real browser: Chromium, headless, where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from analysis.figures import FIGURES
from analysis.load import StudyData
from analysis.report import write_report
from tests.browser import browser, needs_browser

__all__ = ["browser"]
pytestmark = needs_browser


@pytest.fixture(scope="module")
def page(
    browser: webdriver.Chrome,
    study: Callable[..., StudyData],
    tmp_path_factory: pytest.TempPathFactory,
) -> Page:
    folder: Path = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.figures.FIGURES", FIGURES[:2])
        browser.get(write_report(study("pinn", "<b>evil</b>"), folder).as_uri())
    return Page(browser)


class Page:
    """The report as a reader has it before them."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser
        self.until(lambda: self.all("#plot .legendtoggle"))

    def until(self, happened: Callable[[], Any]) -> Any:
        return WebDriverWait(self.browser, 60).until(lambda _: happened())

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def ask(self, script: str) -> Any:
        return self.browser.execute_script(f"return {script}")  # type: ignore[no-untyped-call]

    def shown(self) -> int:
        """How many curves are visible."""
        found: int = self.ask(
            "document.getElementById('plot')._fullData.filter((t) => t.visible === true).length"
        )
        return found


def test_it_makes_no_request_and_no_complaint(page: Page) -> None:
    assert page.ask("performance.getEntriesByType('resource').map((e) => e.name)") == []
    assert page.browser.get_log("browser") == []


def test_all_figures_are_shown(page: Page) -> None:
    widths = page.ask("[...document.querySelectorAll('figure img')].map((i) => i.naturalWidth)")
    assert len(widths) == 2
    assert min(widths) > 1000


def test_a_click_in_the_legend_hides_a_model(page: Page) -> None:
    everything = page.shown()
    assert everything == 6
    (toggle, *_) = page.all("#plot .legendtoggle")
    ActionChains(page.browser).move_to_element(toggle).click().perform()
    page.until(lambda: page.shown() == everything - 3)
    Select(page.browser.find_element(By.ID, "choice")).select_by_index(1)
    page.until(lambda: "differential" in page.all("#plot .ytitle")[0].text)
    assert page.shown() == everything - 3
    ActionChains(page.browser).move_to_element(toggle).click().perform()
    page.until(lambda: page.shown() == everything)


def test_every_quantity_can_be_drawn(page: Page) -> None:
    choice = Select(page.browser.find_element(By.ID, "choice"))
    names = [option.text for option in choice.options]
    assert len(names) == 8
    for name in names:
        choice.select_by_visible_text(name)
        page.until(lambda name=name: page.all("#plot .ytitle")[0].text == name)
    assert page.browser.get_log("browser") == []


def test_names_are_text(page: Page) -> None:
    assert "<b>evil</b>" in [entry.text for entry in page.all("#plot .legendtext")]
    assert not page.ask("[...document.querySelectorAll('b')].some((b) => b.innerText === 'evil')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_screen_and_can_be_read(page: Page, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    page.until(lambda: page.ask("innerWidth") == width)
    page.until(lambda: page.ask("document.documentElement.scrollWidth") <= width)
    ink, paper = page.ask(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert abs(lightness(ink) - lightness(paper)) > 0.6
    chart = "document.getElementById('plot')._fullLayout.font.color"
    wanted = "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    page.until(lambda: page.ask(f"{chart} === {wanted}"))


def lightness(colour: str) -> float:
    """From 0 to 1, of a colour like "rgb(1, 2, 3)"."""
    numbers = colour.partition("(")[2].rstrip(")").split(",")[:3]
    return sum(map(float, numbers)) / 3 / 255
