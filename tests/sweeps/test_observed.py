"""Observations of a study: from its file to workers, the store, and back."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import pinn_sweeps as ps
from pinn_core.observations import table
from sweeps.cli import app
from sweeps.errors import StudyError
from sweeps.execution import launch
from sweeps.execution.launch import run_study
from sweeps.store.locate import study_to_run
from sweeps.store.observed import (
    damaged_observations,
    keep_observations,
    load_observations,
)
from sweeps.store.store import Store
from sweeps.study.study import Study, load_study
from tests.sweeps.s3 import S3

COMMAND = Path(sys.executable).with_name("pinn-sweep")
SENSORS = "place,T,seconds\n0.2,0.5,0.1\n0.4,0.1,0.5\n0.9,-0.3,0.7\n"
ENTRY = "{name: sensors, file: sensors.csv, columns: {x: place, t: seconds, u: T}, weight: 10}"
STUDY = f"""\
name: seen
base:
  problem: {{kind: burgers, points_x: 9, points_t: 9}}
  network: {{kind: mlp, width: 6, depth: 1}}
  phases: [{{kind: adam, steps: 4}}]
  data:
    - {ENTRY}
models:
  pinn:
    objective: {{kind: pinn, lambda_b: 1}}
    space:
      data.0.noise: [0, 0.1]
search: {{sampler: grid, metric: error/data}}
rerun: {{seeds: 1}}
analysis: {{plateau: {{curve: error/data}}}}
expected: [{{model: pinn, metric: error/data, value: 0.1}}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study and its data, in a folder that is not the one where commands are given."""
    forget(monkeypatch)
    home, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / "seen.yaml").write_text(STUDY)
    (home / "sensors.csv").write_text(SENSORS)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(launch, "bring_report_up_to_date", lambda *_, **__: None)
    return home


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as a new process."""
    monkeypatch.setattr(table, "_known", {})


def launched(source: Path | str, *overrides: str) -> tuple[int, str]:
    return carried_out(load_study(str(source), overrides))


def carried_out(study: Study) -> tuple[int, str]:
    screen = StringIO()
    code = run_study(
        study, runs_dir="runs", executor="inline", console=Console(file=screen, width=1000)
    )
    return code, screen.getvalue()


def asked(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def manifests() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in Path("runs/seen/store").glob("*.json")]


def copy() -> Path:
    (file,) = Path("runs/seen/store/data").iterdir()
    return file


def test_a_study_with_data_runs_verifies_replays_and_predicts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = launched(folder / "seen.yaml")
    assert code == 0, said
    found = manifests()
    assert len(found) == 3
    (entry,) = found[0]["configuration"]["data"]
    assert copy().stem == entry["content"]
    assert {tuple(one["varied"]) for one in found} == {("data.0.noise",)}
    for source in ("seen", folder / "seen.yaml"):
        forget(monkeypatch)
        result = asked("verify", source)
        assert result.exit_code == 0, result.output
        assert "3 runs replayed to the bit" in result.output
    forget(monkeypatch)
    result = asked("replay", "seen", found[0]["run_id"], "--step", 2)
    assert result.exit_code == 0, result.output
    forget(monkeypatch)
    best = ps.load("seen").best()
    assert best.predict([[0.2, 0.1]]).shape == (1, 1)
    assert best.predict([[0.2, 0.1]], step=3).shape == (1, 1)
    forget(monkeypatch)
    assert asked("report", "seen").exit_code == 0
    assert asked("status", "seen").exit_code == 0


@pytest.mark.slow
def test_workers_get_the_data(folder: Path) -> None:
    command = [COMMAND, "run", str(folder / "seen.yaml"), "rerun.seeds=2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    by_ray = {one["run_id"]: one["digest"] for one in manifests()}
    Path("runs").rename("by-ray")
    assert launched(folder / "seen.yaml", "rerun.seeds=2")[0] == 0
    assert {one["run_id"]: one["digest"] for one in manifests()} == by_ray


def test_names_of_runs_have_the_content_and_not_the_path(folder: Path) -> None:
    launched(folder / "seen.yaml")
    names = {one["run_id"] for one in manifests()}
    (folder / "moved").mkdir()
    (folder / "sensors.csv").rename(folder / "moved" / "a.csv")
    file = folder / "seen.yaml"
    file.write_text(STUDY.replace("sensors.csv", "moved/a.csv"))
    assert launched(file)[0] == 0
    assert {one["run_id"] for one in manifests()} == names


def test_deleted_or_changed_data_are_one_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(folder / "seen.yaml")
    forget(monkeypatch)
    file = folder / "sensors.csv"
    file.write_text(SENSORS.replace("0.5,0.1", "0.6,0.1"))
    result = asked("run", folder / "seen.yaml")
    assert result.exit_code == 2
    assert "study 'seen' has changed since it ran" in result.output
    assert "base.data.0.content" in result.output
    file.unlink()
    result = asked("run", folder / "seen.yaml")
    assert result.exit_code == 2
    assert result.output == (
        f"pinn-sweep: {folder}/seen.yaml, line 7: base.data.0.file: there is no file {file}\n"
    )


def test_a_study_goes_on_by_its_name_with_the_copy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(folder / "seen.yaml")
    (folder / "sensors.csv").unlink()
    forget(monkeypatch)
    assert carried_out(study_to_run("seen", ["rerun.seeds=2"], Path("runs")))[0] == 0
    assert len(manifests()) == 4


def test_a_damaged_copy_is_named_and_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(folder / "seen.yaml")
    file, whole = copy(), copy().read_bytes()
    file.write_bytes(whole[:-20])
    forget(monkeypatch)
    result = asked("verify", "seen")
    assert result.exit_code == 1
    assert f"data: study: {file.absolute()}: damaged" in result.output
    assert "3 runs not replayed: their data cannot be read" in result.output
    result = asked("replay", "seen", manifests()[0]["run_id"], "--step", 2)
    assert result.exit_code == 2
    assert "observations 'sensors'" in result.output
    forget(monkeypatch)
    result = asked("run", "seen")
    assert result.exit_code == 2
    assert "damaged" in result.output
    forget(monkeypatch)
    assert launched(folder / "seen.yaml")[0] == 0
    assert file.read_bytes() == whole


def test_a_content_that_is_pinned_is_kept(folder: Path) -> None:
    pinned = ENTRY.replace("weight: 10", f"content: {'f' * 32}")
    (folder / "seen.yaml").write_text(STUDY.replace(ENTRY, pinned))
    with pytest.raises(StudyError, match=r"sensors\.csv holds other data"):
        load_study(str(folder / "seen.yaml"))


def entry(**changes: str) -> str:
    """The study with other values of the entry."""
    values = {
        "name": "sensors",
        "file": "sensors.csv",
        "columns": "{x: place, t: seconds, u: T}",
        "weight": "10",
        **changes,
    }
    words = ", ".join(f"{key}: {value}" for key, value in values.items() if value)
    return STUDY.replace(ENTRY, f"{{{words}}}")


WRONG: dict[str, tuple[str, str, str]] = {
    "no file": (entry(file="nowhere.csv"), SENSORS, "line 7: base.data.0.file: there is no file"),
    "a hash alone": (entry(file="", content="f" * 32), SENSORS, "base.data.0.file: missing"),
    "file not given": (entry(file=""), SENSORS, "base.data.0.file: missing, this key is required"),
    "columns not given": (entry(columns=""), SENSORS, "base.data.0.content: missing"),
    "no columns": (entry(columns="{}"), SENSORS, "sensors.csv: columns names no column"),
    "a hash that is none": (entry(content="[1]"), SENSORS, "than content says ([1])"),
    "a name that is too long": (entry(file="x" * 300 + ".csv"), SENSORS, "cannot be read"),
    "a number for a file": (entry(file="5"), SENSORS, "base.data.0.file: found 5, allowed: text"),
    "an unknown key": (
        entry(wieght="1"),
        SENSORS,
        "base.data.0.wieght: unknown key 'wieght', allowed: batch, columns, content, file, name, "
        "noise, weight; did you mean 'weight'?",
    ),
    "text for a weight": (entry(weight="heavy"), SENSORS, "base.data.0.weight: found 'heavy'"),
    "a negative weight": (entry(weight="-1"), SENSORS, "base.data.0.weight: weight must be >= 0"),
    "a negative noise": (entry(noise="-1"), SENSORS, "base.data.0.noise: noise must be >= 0"),
    "a taken name": (
        entry(name="initial"),
        SENSORS,
        "'initial': the name is taken, by a condition",
    ),
    "a reserved name": (entry(name="total"), SENSORS, "base.data.0.name: name must be none of"),
    "a missing column": (
        entry(columns="{x: place, t: time, u: T}"),
        SENSORS,
        "sensors.csv: column 'time' is missing, allowed: place, T, seconds",
    ),
    "an unknown component": (
        entry(columns="{x: place, t: seconds, v: T}"),
        SENSORS,
        "problem burgers has no 'v', allowed in columns: x, t (coordinates) and u (components)",
    ),
    "text in a column": (
        entry(),
        SENSORS.replace("0.1,0.5", "hot,0.5"),
        "sensors.csv, row 2: column 'T' holds 'hot', allowed: numbers",
    ),
    "an empty cell": (
        entry(),
        SENSORS.replace("0.1,0.5", ",0.5"),
        "sensors.csv, row 2: column 'T' is empty or NaN, allowed: finite numbers",
    ),
    "a point twice": (
        entry(),
        SENSORS + "0.2,0.7,0.1\n",
        "observations 'sensors' (sensors.csv), rows 1 and 4: the same point",
    ),
    "a point outside": (
        entry(),
        SENSORS + "0.2,0.7,1.1\n",
        "line 6: base.data: observations 'sensors' (sensors.csv), row 4: x = 0.2, t = 1.1 lies "
        "outside the domain, allowed: -1 <= x <= 1, 0 <= t <= 1",
    ),
    "other units": (
        entry(),
        "place,T,seconds\n20,1,10\n40,2,50\n",
        "all points lie outside: are the columns in the units of the domain?",
    ),
    "one row": (entry(), SENSORS[:27], "sensors.csv: found 1 rows, allowed: at least 2"),
    "a search over files": (
        STUDY.replace("data.0.noise: [0, 0.1]", "data.0.file: [a.csv, b.csv]"),
        SENSORS,
        "models.pinn.space.data.0.file: unknown key, allowed: data.0.weight, data.0.noise, "
        "data.0.batch",
    ),
    "a regression": (
        STUDY.replace("{kind: pinn, lambda_b: 1}", "{kind: regression}"),
        SENSORS,
        "models.pinn: data: objective regression has no terms beside its own; give its model base",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_data_are_refused_and_nothing_is_created(case: str, folder: Path) -> None:
    text, rows, message = WRONG[case]
    (folder / "seen.yaml").write_text(text)
    (folder / "sensors.csv").write_text(rows)
    result = asked("run", folder / "seen.yaml")
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert result.output.count("\n") == 1
    assert not Path("runs").exists()


def test_what_needs_data_is_refused_without(folder: Path) -> None:
    text = STUDY.replace(f"\n  data:\n    - {ENTRY}", "").replace("data.0.noise", "network.width")
    (folder / "seen.yaml").write_text(text.replace("[0, 0.1]", "[4, 6]"))
    result = asked("run", folder / "seen.yaml")
    assert result.exit_code == 2
    assert "search.metric: found 'error/data', allowed: loss/batch" in result.output


def test_a_model_may_have_data_of_its_own(folder: Path) -> None:
    other = ENTRY.replace("10", "3")
    more = f"  other:\n    objective: {{kind: pinn}}\n    base: {{data: [{other}]}}\n"
    (folder / "seen.yaml").write_text(STUDY.replace("search:", more + "search:"))
    study = load_study(str(folder / "seen.yaml"))
    weights = [study.configuration_of(name).data[0].weight for name in study.models]
    assert weights == [10.0, 3.0]


def test_noise_makes_other_targets_and_leaves_the_distance_alone(folder: Path) -> None:
    launched(folder / "seen.yaml")
    search = [one for one in manifests() if one["stage"] == "search"]
    tables = {
        one["varied"]["data.0.noise"]: Store("runs/seen/store").read(one["run_id"]).table
        for one in search
    }
    first = {noise: held["loss/sensors"][0].as_py() for noise, held in tables.items()}
    assert first[0.0] != first[0.1]
    distances = {noise: held["error/data"][0].as_py() for noise, held in tables.items()}
    assert distances[0.0] == distances[0.1]
    assert all(np.isfinite(held["error/data"].to_numpy()).all() for held in tables.values())


def test_copies_lie_in_an_object_store_too(folder: Path, s3: S3, monkeypatch: Any) -> None:
    configuration = load_study(str(folder / "seen.yaml")).configuration_of("pinn")
    root = s3.address("observed")
    keep_observations(root, [configuration])
    keep_observations(root, [configuration])
    content = configuration.data[0].content
    assert [*s3.objects(root)] == [f"data/{content}.parquet"]
    forget(monkeypatch)
    assert configuration.data[0].rows == 0
    load_observations(root, [configuration])
    assert configuration.data[0].rows == 3
    assert damaged_observations(root, [content]) == {}
    assert [*damaged_observations(s3.address("nothing"), [content])] == [content]


def test_the_examples_data_are_what_its_script_makes() -> None:
    example = Path(__file__).parents[2] / "examples" / "data"
    study = load_study(str(example / "sensors.yaml"))
    data = study.configuration_of("sensors").data[0]
    made = runpy.run_path(str(example / "make_sensors.py"))
    assert made["PROBLEM"] == study.configuration_of("sensors").problem
    rows = np.column_stack([data.points(made["PROBLEM"]), data.values(made["PROBLEM"])])
    np.testing.assert_allclose(rows, made["readings"](), atol=1.01e-4)
