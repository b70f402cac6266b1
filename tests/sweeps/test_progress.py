"""What is shown of a study's progress, with and without a terminal."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

from sweeps.display import progress as progress_module
from sweeps.display.progress import Progress
from sweeps.display.tally import Pace, Training, in_words, setting
from sweeps.execution.stage import Listed
from sweeps.search.selection import Selection
from sweeps.study.plan import Run, make_packs, model_points, search_run
from sweeps.study.study import Study
from tests.sweeps.samples import sample_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return sample_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def runs(study: Study) -> list[Run]:
    return [search_run(study, "pinn", point) for point in model_points(study, "pinn")]


def watched(study: Study, runs: list[Run], console: Console, news: Path) -> Progress:
    """A display that has heard of two finished runs, a diverged one and a failed one."""
    progress = Progress(console, news, study.search.metric)
    progress.waiting = lambda: 2
    selection = Selection(study)
    with progress:
        progress.begin("search", [Listed("pinn", runs), Listed("regression", runs[:2])], selection)
        progress.asked(runs)
        for run, value in zip(runs[:3], [0.5, 0.25, None], strict=True):
            selection.offer(run, value)
            progress.finished(run, value)
        progress.retried(make_packs([runs[3]], study.resources, 1)[0], 1, "its worker died")
        progress.failed(runs[3], "no luck")
        progress.tick()
    return progress


def test_plain_lines_without_a_terminal(
    study: Study, runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "PLAIN_EVERY", 0.0)
    screen = StringIO()
    watched(study, runs, Console(file=screen, width=60), tmp_path)
    lines = screen.getvalue().splitlines()
    assert lines[0].startswith(f"search pinn 1/4 {runs[0].run_id[:8]}: loss/regression 0.5 (")
    assert lines[0].endswith("the best so far")
    assert lines[2].endswith("diverged (learning_rate 0.01, lambda_b 10), best 0.25")
    assert lines[3].endswith("lost, retry 1: its worker died")
    assert lines[4].endswith("failed (learning_rate 0.01, lambda_b 100): no luck")
    assert lines[5].startswith("search: 4 of 6 runs")
    assert lines[5].endswith("2 waiting for MLflow")


def test_plain_lines_are_never_closer_than_the_interval(
    study: Study, runs: list[Run], tmp_path: Path
) -> None:
    screen = StringIO()
    progress = watched(study, runs, Console(file=screen), tmp_path)
    said = screen.getvalue()
    for _ in range(100):
        progress.tick()
    assert screen.getvalue() == said


def test_a_table_on_a_terminal(study: Study, runs: list[Run], tmp_path: Path) -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    progress = watched(study, runs, console, tmp_path)
    assert "loss/regression 0.5" not in screen.getvalue()
    assert "failed (learning_rate 0.01, lambda_b 100): no luck" in screen.getvalue()
    page = Console(file=StringIO(), width=120, record=True)
    page.print(progress.view())
    shown = page.export_text()
    assert "0.25 (learning_rate 0.001, lambda_b 100)" in shown
    (row,) = (line for line in shown.splitlines() if line.startswith("pinn"))
    assert "4/4" in row
    assert "none yet" in shown
    assert "4 of 6 runs" in shown


def test_what_people_named_is_shown_as_it_is(tmp_path: Path) -> None:
    screen = StringIO()
    Progress(Console(file=screen), tmp_path, "loss/regression").say("[red]not markup[/red]")
    assert screen.getvalue() == "[red]not markup[/red]\n"


def test_packs_in_training_are_read_from_their_notes(tmp_path: Path) -> None:
    for name, runs, step in (("a", 4, 25), ("b", 2, 50)):
        models = {"pinn": runs - 1, "regression": 1}
        note = {"runs": runs, "models": models, "flops": 8.0, "step": step, "steps": 100}
        (tmp_path / f"{name}.json").write_text(json.dumps(note))
    (tmp_path / "torn.json").write_text('{"runs": 4, "st')
    assert Training.read(tmp_path) == Training(
        packs=2, runs=6, share=2.0, flops=6.0, models={"pinn": 1.25, "regression": 0.75}
    )
    assert Training.read(tmp_path / "absent").packs == 0


def test_times_in_words() -> None:
    assert [in_words(seconds) for seconds in (0.4, 59.6, 3599.6, 86_400)] == [
        "0 s",
        "1 min 0 s",
        "1 h 0 min",
        "24 h 0 min",
    ]


def test_time_left_does_not_count_the_start_as_work() -> None:
    pace = Pace()
    assert pace.left(at=0.0, done=0.0, total=100.0) is None
    assert pace.left(at=50.0, done=10.0, total=100.0) is None
    assert pace.left(at=60.0, done=10.0, total=100.0) is None
    assert pace.left(at=70.0, done=30.0, total=100.0) == 70.0


def page_of(progress: Progress) -> str:
    page = Console(file=StringIO(), width=120, record=True)
    page.print(progress.view())
    return page.export_text()


def bar_of(progress: Progress) -> float:
    (table, _) = progress.view().renderables
    assert isinstance(table, Table)
    (bar,) = table.columns[1].cells
    assert isinstance(bar, ProgressBar)
    return bar.completed


def test_the_bar_moves_with_the_steps_before_any_run_is_done(
    study: Study, runs: list[Run], tmp_path: Path
) -> None:
    progress = Progress(Console(file=StringIO()), tmp_path, "loss/regression")
    progress.begin("search", [Listed("pinn", runs)], Selection(study))
    progress.asked(runs)

    waiting = page_of(progress)
    assert bar_of(progress) == 0
    note = {"runs": 4, "models": {"pinn": 4}, "flops": 8.0, "step": 50, "steps": 100}
    (tmp_path / "a.json").write_text(json.dumps(note))
    assert "4 in training (50%)" in page_of(progress)
    assert bar_of(progress) == 2
    assert "0 of 4 runs, workers are starting" in waiting
    assert "workers are starting" not in page_of(progress)
    assert "⠋" in waiting
    assert "⠋" not in page_of(progress)


def test_settings_in_words() -> None:
    varied = {"network.activation": "gelu", "objective.lambda_b": 100.0, "objective.batch": "full"}
    assert setting(varied) == "activation gelu, lambda_b 100, batch full"
    assert setting({}) == ""
