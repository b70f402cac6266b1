"""docs/faq.md: every topic that a message names is there, and messages are what is printed."""

from __future__ import annotations

import fcntl
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from pinn_core import plugins
from pinn_core.numerics import KERNELS
from pinn_core.parts import FAMILIES
from sweeps.display.explaining import topics
from sweeps.execution import launch as launch_module
from sweeps.study.study import load_study
from tests.sweeps.command import pinn_sweep
from tests.sweeps.launching import launch

ROOT = Path(__file__).resolve().parents[2]
FAQ = topics()
HOME = "/home/ada"
MINE = """name: mine
base:
  problem: {kind: poisson, points_per_axis: 9}
  network: {kind: mlp, width: 8, depth: 2}
  phases: [{kind: adam, steps: 20}]
models:
  pinn: {objective: {kind: pinn}, space: {network.width: [8, 16]}}
search: {sampler: grid, metric: loss/total}
rerun: {seeds: 1}
"""


def quoted(topic: str) -> str:
    """The message that a section begins with."""
    return FAQ[topic].split("```")[1].strip()


def alike(said: str) -> str:
    """A message without what differs between machines and runs: its place, hashes and numbers."""
    return re.sub(r"\b[0-9a-f]{8,16}\b|\d[\d.:+e-]*", "N", said)


@pytest.fixture
def home(folder: Path) -> Path:
    """A folder with the study file that the page speaks of."""
    (folder / "mine.yaml").write_text(MINE)
    return folder


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which that study ran; to be copied."""
    folder = tmp_path_factory.mktemp("ran")
    (folder / "mine.yaml").write_text(MINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        assert launch(load_study(str(folder / "mine.yaml")), folder)[0] == 0
    return folder


@pytest.fixture
def after(ran: Path, home: Path) -> Path:
    """A copy of it."""
    copytree(ran, home, dirs_exist_ok=True)
    return home


@pytest.fixture
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins are unknown again in the end."""
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "_parts", dict(family._parts))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "snake", raising=False)


def is_printed(topic: str, home: Path, *words: str) -> None:
    code, _, message = pinn_sweep(*words)
    assert code == 2
    assert alike(message.strip().replace(str(home), HOME)) == alike(quoted(topic))


def named_in_code() -> Iterator[str]:
    for file in (ROOT / "sweeps").rglob("*.py"):
        yield from re.findall(r'topic="([^"]+)"', file.read_text(encoding="utf-8"))


def test_messages_and_page_name_the_same_topics() -> None:
    said = {topic for topic in FAQ if f"\nmore: pinn-sweep explain {topic}\n```" in FAQ[topic]}
    assert said == set(named_in_code())
    assert sum(text.count("\nmore: ") for text in FAQ.values()) == len(said)


def test_the_wheel_has_the_page_where_explain_looks_for_it() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    assert wheel["build"]["targets"]["wheel"]["force-include"]["docs/faq.md"] == "sweeps/faq.md"


def test_a_heading_is_its_own_anchor() -> None:
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert all(re.fullmatch(r"[A-Za-z0-9 ]+", title) for title in titles)
    assert len(titles) == len(FAQ)


def test_explain_lists_the_topics_prints_one_and_refuses_others() -> None:
    assert pinn_sweep("explain")[1].splitlines() == list(FAQ)
    assert pinn_sweep("explain", "disk-full")[1].startswith("Disk full\n\n```\ndisk full: no room")
    code, _, message = pinn_sweep("explain", "disk-ful")
    assert code == 2
    assert "did you mean 'disk-full'?" in message


@pytest.mark.parametrize(
    ("topic", "old", "new"),
    [
        ("unknown-key", "width: 8", "widht: 8"),
        ("number-in-quotes", "width: 8", "width: '8'"),
    ],
)
def test_what_a_wrong_study_file_gets(topic: str, old: str, new: str, home: Path) -> None:
    (home / "mine.yaml").write_text(MINE.replace(old, new))
    is_printed(topic, home, "run", "mine.yaml")


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("unknown-metric", ["run", "mine.yaml", "search.metric=loss/test"]),
        ("unknown-study", ["status", "demo"]),
        ("plugin-cannot-be-imported", ["run", "mine.yaml", "plugins=[my_pde.py]"]),
        ("no-such-node", ["run", "mine.yaml", "resources.gpus=1"]),
        ("no-cluster", ["run", "mine.yaml", "--address", "127.0.0.1:9"]),
        ("mlflow-does-not-answer", ["run", "mine.yaml", "--tracking-uri", "http://127.0.0.1:9"]),
    ],
)
def test_what_is_refused_before_anything_starts(topic: str, words: list[str], home: Path) -> None:
    (home / "my_pde.py").write_text("import nothing_like_this\n")
    is_printed(topic, home, *words)


def test_a_run_that_is_too_large_for_this_machine(home: Path) -> None:
    wide = ("base.network.width=31000", "models.pinn.space={network.depth: [2]}")
    is_printed("too-little-memory", home, "run", "mine.yaml", *wide)


def test_a_study_that_is_too_large_for_this_disk(home: Path) -> None:
    space = "models.pinn.space={phases.0.learning_rate: {low: 1.0e-4, high: 1.0e-2}}"
    many = (space, "search.sampler=random", "search.runs=90000", "base.phases.0.steps=100000")
    is_printed("no-room-on-the-disk", home, "run", "mine.yaml", *many)


def test_a_study_that_changed_since_it_ran(after: Path) -> None:
    is_printed("other-plan", after, "run", "mine.yaml", "base.network.depth=3")


def test_a_study_that_another_process_holds(after: Path) -> None:
    with (after / "runs" / "mine" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("ada-laptop:4711 since 2026-11-29 21:07:12\n")
        lock.flush()
        is_printed("locked", after, "run", "mine.yaml")


def test_an_edited_record_of_the_plan(after: Path) -> None:
    file = after / "runs" / "mine" / "study.yaml"
    file.write_text(file.read_text().replace("depth: 2", "depth: 3"))
    is_printed("damaged-study-file", after, "status", "mine")


def test_runs_of_other_arithmetic(after: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KERNELS, "recording", KERNELS["recording"] + 1)
    is_printed("earlier-version", after, "run", "mine.yaml", "rerun.seeds=2")
    run = next((after / "runs" / "mine" / "store").glob("*.parquet")).stem
    is_printed("other-arithmetic", after, "replay", "mine", run, "--step", "10")


def commit_with_snake(home: Path) -> None:
    """Let the study run with an activation of one's own, and forget it as a new process would."""
    (home / "snake.py").write_text(SNAKE)
    (home / "mine.yaml").write_text(
        MINE.replace("depth: 2", "depth: 2, activation: snake") + "plugins: [snake.py]\n"
    )
    assert launch(load_study("mine.yaml"), home)[0] == 0
    sys.modules.pop("snake")
    plugins._loaded.clear()


SNAKE = """import pinn_sweeps as ps

@ps.ACTIVATIONS.register("snake")
@ps.by_autograd
def snake(z):
    return z + z.sin() ** 2
"""


@pytest.mark.usefixtures("new_process", "no_report")
def test_plugins_that_are_not_given_or_were_changed(home: Path) -> None:
    commit_with_snake(home)
    is_printed("plugin-is-needed", home, "status", "mine")
    (home / "snake.py").write_text(SNAKE.replace("z +", "1.1 * z +"))
    is_printed("plugin-code-changed", home, "run", "mine.yaml")


def is_said(topic: str, home: Path, *overrides: str) -> None:
    """Whether a launch says what a section quotes, on a line of its own."""
    said = launch(load_study(str(home / "mine.yaml"), overrides), home)[1].replace(str(home), HOME)
    assert alike(quoted(topic)) in [alike(line.strip()) for line in said.splitlines()]


@pytest.mark.usefixtures("no_report")
def test_a_damaged_run_is_set_aside(after: Path) -> None:
    file = next((after / "runs" / "mine" / "store").glob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[2000] ^= 1
    file.write_bytes(content)
    is_said("damaged-run", after)


@pytest.mark.usefixtures("no_report")
def test_a_run_that_diverges_is_named(home: Path) -> None:
    rates = "models.pinn.space={phases.0.learning_rate: [1.0e+30, 1.0e-3]}"
    is_said("run-diverged", home, rates)


@pytest.mark.usefixtures("no_report")
def test_a_search_in_which_every_run_diverges_chooses_none(home: Path) -> None:
    is_said("no-final-value", home, "base.phases.0.learning_rate=1.0e+30")


@pytest.mark.usefixtures("no_report")
def test_a_disk_that_becomes_full(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEP_FAULT", "before_write@every:enospc")
    is_said("disk-full", home)
