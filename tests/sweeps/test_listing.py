"""``pinn-sweep list`` of one part, and of the metrics of a study; the version; completion."""

from __future__ import annotations

import json
import os
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pinn_core.parts import FAMILIES
from sweeps.cli import app
from sweeps.display.metrics import metrics_of
from sweeps.display.part import in_lines, part_named
from sweeps.study.study import load_study
from tests.sweeps.command import pinn_sweep
from tests.sweeps.samples import sample_study


@pytest.mark.parametrize(
    ("family", "kind"),
    [(family.plural, kind) for family in FAMILIES.values() for kind in family.names()],
)
def test_every_part_can_be_shown(family: str, kind: str) -> None:
    shown = part_named(family, kind)
    text = "\n".join(in_lines(shown))
    part = next(each for each in FAMILIES.values() if each.plural == family)[kind]
    assert [field.name for field in shown.fields] == (
        [field.name for field in fields(part)] if is_dataclass(part) else []
    )
    assert shown.summary in text
    assert ">>>" not in text
    json.dumps(shown.fields[0].default if shown.fields else None)


def test_a_problem_in_detail() -> None:
    code, said, _ = pinn_sweep("list", "problems", "heat")
    assert code == 0
    for words in ("x 0 to 1, y 0 to 1, t 0 to 1", "residual, boundary", "whole number or all"):
        assert words in said
    field = next(line for line in said.splitlines() if line.startswith("points_per_axis"))
    assert field.split() == ["points_per_axis", "26", "points", "whole", "number"]
    shown = json.loads(pinn_sweep("list", "problems", "heat", "--json")[1])
    assert shown["fields"][0] == {
        "name": "points_per_axis",
        "takes": "whole number",
        "default": 26,
        "unit": "points",
        "in_pack": False,
    }


def test_an_unknown_part_and_metrics_of_no_study() -> None:
    code, _, message = pinn_sweep("list", "problems", "heet")
    assert (code, "did you mean 'heat'" in message) == (2, True)
    code, _, message = pinn_sweep("list", "metrics")
    assert (code, "of which study?" in message) == (2, True)
    code, _, message = pinn_sweep("list", "metrics", "dmo")
    assert (code, "did you mean 'demo'" in message) == (2, True)


def test_metrics_say_which_of_them_may_decide(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "base.phases.0.steps=41")
    found = {metric.name: metric for metric in metrics_of(study)}
    assert found["loss/regression"].decides
    assert not found["full/loss/regression"].decides, "41 steps, every 10"
    assert found["full/loss/regression"].every == 10
    assert not found["update/norm"].decides
    for name, metric in found.items():  # and a study agrees
        try:
            load_study(str(tmp_path / "sample.yaml"), ["base.phases.0.steps=41",
                                                       f"search.metric={name}"])  # fmt: skip
        except Exception:
            assert not metric.decides, name
        else:
            assert metric.decides, name
    code, said, _ = pinn_sweep("list", "metrics", tmp_path / "sample.yaml")
    assert code == 0
    assert "* loss/regression" in said


def test_a_shipped_study_can_be_read() -> None:
    code, said, _ = pinn_sweep("list", "studies", "demo")
    assert (code, "\nname: demo" in said) == (0, True)


def test_the_version() -> None:
    assert pinn_sweep("--version")[:2] == (0, f"pinn-sweep {version('pinn-sweeps')}\n")


def test_a_shell_completes_names_of_studies(folder: Path) -> None:
    (folder / "demonstration.yaml").write_text("")
    asked = {
        "_PINN_SWEEP_COMPLETE": "complete_bash",
        "COMP_WORDS": "pinn-sweep run demo",
        "COMP_CWORD": "2",
    }
    result = CliRunner().invoke(app, [], prog_name="pinn-sweep", env={**os.environ, **asked})
    assert result.stdout.split() == ["demo", "demonstration.yaml"]


def test_without_a_family_all_are_listed() -> None:
    code, said, _ = pinn_sweep("list")
    assert code == 0
    families = {line.split()[0]: line for line in said.splitlines()}
    assert {"problems", "optimizers", "studies", "metrics"} <= families.keys()
    assert " heat," in families["problems"]
