"""Figures that a process beside prints: the same files, and no figure and no error is lost."""

import signal
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from matplotlib.figure import Figure

from analysis.figures import printing
from analysis.figures.printing import beside
from analysis.figures.saved import save

SLUGS = ("line", "field")


def draw(slug: str) -> Figure:
    figure = Figure(figsize=(3, 2), layout="constrained")
    axes = figure.subplots()
    if slug == "line":
        axes.plot([1, 2, 4], label="loss")
        axes.legend()
    else:
        figure.colorbar(axes.imshow([[0.0, 1.0], [2.0, 3.0]]))
    axes.set_xlabel("step")
    return figure


def save_all(folder: Path) -> None:
    for slug in SLUGS:
        save(slug, "", "", folder, partial(draw, slug))


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "usable_cores", lambda: 2)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Popen[bytes]]:
    """The processes that are started from now on."""
    processes: list[Popen[bytes]] = []

    def start(*command: Any, **how: Any) -> Popen[bytes]:
        processes.append(Popen(*command, **how))
        return processes[-1]

    monkeypatch.setattr(printing, "Popen", start)
    return processes


@pytest.fixture
def at_once(tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "once").mkdir()
    save_all(tmp_path / "once")
    return files(tmp_path / "once")


@pytest.mark.usefixtures("two_cores")
def test_figures_printed_beside_have_the_bytes_of_those_printed_at_once(
    tmp_path: Path, at_once: dict[str, bytes]
) -> None:
    folder = tmp_path / "beside"
    folder.mkdir()
    with beside():
        save_all(folder)
    assert sorted(at_once) == ["field.pdf", "field.png", "line.pdf", "line.png"]
    assert files(folder) == at_once


@pytest.mark.usefixtures("two_cores")
def test_what_printing_raises_is_raised_where_the_figures_were_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent/line\.png"), beside():
        save("line", "", "", tmp_path / "absent", partial(draw, "line"))


@pytest.mark.usefixtures("two_cores")
def test_figures_are_printed_here_if_the_process_beside_is_killed(
    tmp_path: Path, at_once: dict[str, bytes], started: list[Popen[bytes]]
) -> None:
    folder = tmp_path / "killed"
    folder.mkdir()
    with beside():
        started[0].send_signal(signal.SIGKILL)
        started[0].wait()
        save_all(folder)
    assert files(folder) == at_once


@pytest.mark.usefixtures("two_cores")
def test_no_process_is_left_behind_if_the_report_fails(
    tmp_path: Path, started: list[Popen[bytes]]
) -> None:
    with pytest.raises(ZeroDivisionError), beside():
        save("line", "", "", tmp_path, partial(draw, "line"))
        raise ZeroDivisionError
    assert started[0].returncode is not None
