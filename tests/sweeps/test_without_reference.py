"""Studies of problems whose solution is not known, and of coefficients that are to be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinn_core.records.trajectory import COMPARED
from sweeps.errors import StudyError
from sweeps.study.study import load_study

PLUGIN = """\
import torch
from dataclasses import dataclass

import pinn_sweeps as ps

D = ps.Derivatives("x")
LINE = ps.Box((0.0,), (1.0,))


@ps.PROBLEMS.register("mystery_{suffix}")
@dataclass(frozen=True, kw_only=True)
class Mystery(ps.Problem):
    coordinates = ("x",)
    reference = "none"
    points_per_axis: int = 20

    @property
    def domain(self):
        return LINE

    @property
    def conditions(self):
        return {{"boundary": ps.Condition((ps.Segment((LINE.face(0, 0.0), LINE.face(0, 1.0))),))}}

    @property
    def operators(self):
        return (D.xx,)

    @property
    def unknowns(self):
        return {unknowns}

    def residual(self, channels, points):
        return {residual}

    def grid(self):
        return ps.lattice(LINE, self.conditions, (self.points_per_axis,))
"""
STUDY = """\
name: mystery
plugins: [{plugin}.py]
base:
  problem: {{kind: mystery_{suffix}}}
  network: {{kind: mlp, width: 4, depth: 1}}
  phases: [{{kind: adam, steps: 4}}]
models:
  plain:
    objective: {{kind: {objective}}}
"""


def written(
    folder: Path,
    suffix: str,
    *,
    objective: str = "pinn",
    unknowns: str = "{}",
    residual: str = "channels[:, 1] + channels[:, 0].sin() - 1.0",
) -> str:
    """The path of a study whose plugin was written beside it; no two share a plugin's name."""
    plugin = f"mystery_{suffix}_file"
    text = PLUGIN.format(suffix=suffix, unknowns=unknowns, residual=residual)
    (folder / f"{plugin}.py").write_text(text)
    study = folder / "study.yaml"
    study.write_text(STUDY.format(plugin=plugin, suffix=suffix, objective=objective))
    return str(study)


def test_the_default_metric_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as refused:
        load_study(written(tmp_path, "metric"))
    message = str(refused.value)
    assert "search.metric: found 'loss/regression', which compares with a solution" in message
    allowed = message.partition("allowed: ")[2]
    assert "loss/total" in allowed
    assert "held_out/loss/residual" in allowed
    assert not any(column in allowed.split("; ")[0].split(", ") for column in COMPARED)


def test_a_metric_that_the_last_row_does_not_have_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, "last")
    metric = "search.metric=held_out/loss/residual"
    with pytest.raises(
        StudyError, match="recorded every 200 steps, but the runs end after 4 steps"
    ):
        load_study(source, [metric])
    with pytest.raises(StudyError, match="recorded never"):
        load_study(source, [metric, "base.record.held_out_every=0"])
    assert load_study(source, [metric, "base.record.held_out_every=2"])


def test_plateaus_are_read_on_what_is_optimised(tmp_path: Path) -> None:
    source = written(tmp_path, "curve")
    study = load_study(source, ["search.metric=loss/total"])
    assert study.analysis.plateau.curve == "loss/total"
    named = load_study(source, ["search.metric=loss/total", "analysis.plateau.curve=loss/residual"])
    assert named.analysis.plateau.curve == "loss/residual"


def test_a_study_whose_problem_is_solved_keeps_its_curve() -> None:
    assert load_study("demo").analysis.plateau.curve == "loss/regression"


def test_a_regression_has_nothing_to_learn(tmp_path: Path) -> None:
    source = written(tmp_path, "regression", objective="regression")
    message = "needs a solution that problem mystery_regression does not know"
    with pytest.raises(
        StudyError, match=f"models.plain.objective: found 'regression', .*{message}"
    ):
        load_study(source, ["search.metric=loss/total"])


def test_an_unknown_that_the_equation_ignores_is_refused(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "ignored",
        unknowns='{"used": ps.Unknown(1.0), "ignored": ps.Unknown(2.0)}',
        residual='self.unknown(channels, "used") * channels[:, 1] - 1.0',
    )
    message = r"does not depend on its unknown 'ignored', allowed: .*\(used\)"
    with pytest.raises(StudyError, match=message):
        load_study(source, ["search.metric=loss/total"])


def test_the_metric_may_be_an_unknown(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "sought",
        unknowns='{"used": ps.Unknown(1.0)}',
        residual='self.unknown(channels, "used") * channels[:, 1] - 1.0',
    )
    assert load_study(source, ["search.metric=unknown/used"]).search.metric == "unknown/used"
    with pytest.raises(StudyError, match="error/unknown/used"):
        load_study(source, ["search.metric=error/unknown/used"])
