"""MLflow's pages of a study in a real browser, as ``pinn-sweep ui`` serves them."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from sweeps.store.store import Store
from sweeps.tracking.tracking import default_tracking_uri, sync
from tests.browser import browser, needs_browser
from tests.processes import running
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of

__all__ = ["browser"]
pytestmark = needs_browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a study with two published runs is shown, for as long as the test runs."""
    root: Path = tmp_path_factory.mktemp("runs")
    study = sample_study(root)
    (root / "sample").mkdir()
    (root / "sample" / "study.yaml").write_text(study.to_yaml())
    store = Store(str(root / "sample" / "store"))
    for run in (pinn_run(study, 1e-3), pinn_run(study, 1e-2)):
        commit(store, run, trajectory_of(run))
    sync(study, store, default_tracking_uri(root))
    program = Path(sys.executable).with_name("pinn-sweep")
    command = [program, "ui", "sample", "--runs-dir", root, "--port", str(free_port())]
    with running(command, stderr=None) as server:
        assert server.stdout is not None
        said = server.stdout.readline() + server.stdout.readline()
        found = re.search(r"http\S+", said)
        assert found, said
        yield found[0]
        server.terminate()
        server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.timeout(240)
def test_the_page_opens_on_the_studys_runs(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address)
    WebDriverWait(browser, 120).until(lambda _: "search pinn" in text_of(browser))
    assert "sample" in text_of(browser)
    assert "Training runs" in text_of(browser)
    WebDriverWait(browser, 60).until(lambda _: "final.loss/regression" in text_of(browser))
    assert {"phases.0.learning_rate", "objective.lambda_b", "plateau.length"} <= columns(browser)
    assert "share key" not in text_of(browser), "MLflow does not take the view"


def columns(browser: webdriver.Chrome) -> set[str]:
    """The headings of the table of runs."""
    found = browser.find_elements(By.CSS_SELECTOR, "[role=columnheader]")
    return {heading.text for heading in found}


def text_of(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text
