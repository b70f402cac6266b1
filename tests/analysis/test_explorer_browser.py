"""The linked views in a real browser: what is brushed in one is selected in all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
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
RUNS = 24


@pytest.fixture(scope="module")
def page(
    browser: webdriver.Chrome,
    study: Callable[..., StudyData],
    tmp_path_factory: pytest.TempPathFactory,
) -> webdriver.Chrome:
    data = study("<i>x</i>", seeds=RUNS, steps=500)
    data.runs["stage"] = "search"
    data.runs["network.width"] = np.tile([16, 32, 64], RUNS // 3)
    data.runs["setting"] = [f"n={number}" for number in range(RUNS)]
    data.runs["phases.0.learning_rate"] = np.geomspace(1e-4, 1e-2, RUNS)
    data = replace(data, varied=["network.width", "phases.0.learning_rate"])
    folder = tmp_path_factory.mktemp("explored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.figures.FIGURES", FIGURES[1:2])
        browser.get(write_report(data, folder).as_uri())
    until(browser, lambda: selected(browser))
    return browser


def until(page: webdriver.Chrome, happened: Callable[[], Any]) -> Any:
    return WebDriverWait(page, 60).until(lambda _: happened())


def selected(page: webdriver.Chrome) -> str:
    return page.find_element(By.ID, "selected").text


def show(page: webdriver.Chrome, element: WebElement) -> None:
    """Scroll there at once, as the page itself does smoothly."""
    page.execute_script(  # type: ignore[no-untyped-call]
        "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element
    )


def drag(
    page: webdriver.Chrome, canvas: WebElement, begin: tuple[float, float], end: tuple[float, float]
) -> None:
    """Between two places, in parts of the canvas from its upper left corner."""
    width, height = canvas.size["width"], canvas.size["height"]
    (x, y), (right, low) = (((a - 0.5) * width, (b - 0.5) * height) for a, b in (begin, end))
    show(page, canvas)
    actions = ActionChains(page).move_to_element_with_offset(canvas, int(x), int(y))
    actions.click_and_hold().move_by_offset(int(right - x), int(low - y)).release().perform()


def painted(page: webdriver.Chrome, name: str) -> int:
    """How large the picture of a canvas is, compressed: the more is drawn, the larger."""
    found: int = page.execute_script(  # type: ignore[no-untyped-call]
        "return document.getElementById(arguments[0]).toDataURL().length", name
    )
    return found


def test_all_runs_are_drawn_in_all_views(page: webdriver.Chrome) -> None:
    assert selected(page).startswith(f"{RUNS} of {RUNS} runs selected")
    for name in ("coordinates", "scatter", "selected-curves"):
        assert painted(page, name) > 1000
    assert page.get_log("browser") == []


def test_a_drag_along_an_axis_selects_and_a_click_takes_it_away(page: webdriver.Chrome) -> None:
    canvas = page.find_element(By.ID, "coordinates")
    drawn = painted(page, "selected-curves")
    options = Select(page.find_element(By.ID, "explorer-colour")).options
    place = [option.text for option in options].index("network.width")
    width = canvas.size["width"]
    at = (64 + place / (len(options) - 1) * (width - 128)) / width
    drag(page, canvas, (at, 0.98), (at, 0.65))  # the lowest third: 16
    until(page, lambda: selected(page).startswith(f"{RUNS // 3} of {RUNS} runs selected."))
    until(page, lambda: painted(page, "selected-curves") < drawn)
    rows = page.find_elements(By.CSS_SELECTOR, "#selected-runs tr")
    assert len(rows) == RUNS // 3
    cells = [row.find_elements(By.TAG_NAME, "td")[1 + place].text for row in rows]
    assert set(cells) == {"16"}
    drag(page, canvas, (at, 0.5), (at, 0.5))
    until(page, lambda: selected(page).startswith(f"{RUNS} of"))


def test_a_rectangle_over_the_dots_selects_in_both_directions(page: webdriver.Chrome) -> None:
    Select(page.find_element(By.ID, "explorer-across")).select_by_visible_text(
        "phases.0.learning_rate"
    )
    canvas = page.find_element(By.ID, "scatter")
    drag(page, canvas, (0.0, 0.0), (0.55, 0.95))  # the left half, all the way up
    until(page, lambda: 8 <= int(selected(page).split()[0]) <= 16)
    clear = page.find_element(By.ID, "explorer-clear")
    show(page, clear)
    clear.click()
    until(page, lambda: selected(page).startswith(f"{RUNS} of"))


def test_every_axis_can_be_the_colour(page: webdriver.Chrome) -> None:
    choice = Select(page.find_element(By.ID, "explorer-colour"))
    for option in [option.text for option in choice.options]:
        choice.select_by_visible_text(option)
        until(page, lambda: painted(page, "scatter") > 1000)
    assert page.get_log("browser") == []
