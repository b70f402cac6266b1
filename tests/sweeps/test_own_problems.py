"""Mistakes in a researcher's own equation: one message where the study is read, nothing trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pinn_core import plugins
from pinn_core.parts import FAMILIES
from pinn_core.problems.promises import BrokenPromise
from pinn_sweeps import Adam, Configuration, Mlp, Pinn, train
from sweeps.errors import StudyError
from sweeps.study.study import load_study

PROBLEM = '''\
"""u_t = v_x, v_t = u_x on a circle: two waves."""

from dataclasses import dataclass

import numpy as np
import torch

import pinn_sweeps as ps

D, RING = ps.Derivatives("x", "t"), ps.Box((0.0, 0.0), (2.0, 1.0))
U, V = (D.identity, 0), (D.identity, 1)


def waves(points):
    x, t = np.pi * points[:, 0], np.pi * points[:, 1]
    return np.stack([np.sin(x) * np.cos(t), np.cos(x) * np.sin(t)], axis=1)


@ps.PROBLEMS.register("own_waves")
@dataclass(frozen=True, kw_only=True)
class OwnWaves(ps.Problem):
    """Two waves."""

    coordinates, domain, outputs, reference = ("x", "t"), RING, 2, "closed form"
    operators = (D.x, D.t)
    points: int = 9

    @property
    def conditions(self):
        start = ps.Segment((RING.face(1, 0.0),), waves)
        seam = ps.Segment((RING.face(0, 0.0),))
        return {
            "start": ps.Condition((start,), (U, V)),
            "seam": ps.Condition((seam,), (U, V), shift=(2.0, 0.0)),
        }

    def residual(self, channels, points):
        u_x, v_x = channels[:, 1].unbind(-1)
        u_t, v_t = channels[:, 2].unbind(-1)
        return torch.stack([u_t - v_x, v_t - u_x], dim=-1)

    def grid(self):
        return ps.lattice(RING, self.conditions, (self.points,) * 2, waves, open_ends=(0,))
'''
STUDY = """\
name: waves
plugins: [waves.py]
base:
  problem: {kind: own_waves}
  network: {kind: mlp, width: 4, depth: 1}
  phases: [{kind: adam, steps: 3}]
models:
  pinn: {objective: {kind: pinn}}
search: {metric: loss/total}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The equation and its study, unknown again in the end."""
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "_parts", dict(family._parts))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "waves", raising=False)
    (tmp_path / "waves.py").write_text(PROBLEM)
    (tmp_path / "waves.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_equation_as_it_should_be_is_accepted_and_trains(folder: Path) -> None:
    study = load_study("waves.yaml")
    problem = study.configuration_of("pinn").problem
    assert train(short(problem)).table["loss/seam"][0].as_py() > 0  # no target: zeros, two of them


def short(problem: object) -> Configuration:
    return Configuration(
        problem=problem,  # type: ignore[arg-type]
        network=Mlp(width=4, depth=1),
        objective=Pinn(lambda_b=1.0),
        phases=(Adam(steps=2),),
    )


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        (
            "RING.face(1, 0.0),), waves)",
            "RING.face(1, 0.0),), lambda p: waves(p)[:, :1])",
            "problem own_waves: condition 'start': a target is (9, 1) at 9 points, allowed: (9, 2)",
        ),
        ("dim=-1)", "dim=1)", "(2, 3, 5, 2) is (2, 2, 5), not (2, 5, number of equations)"),
        ("(2.0, 0.0)", "(3.0, 0.0)", "a partner of a point of 'seam' lies outside the domain"),
        ("(2.0, 0.0)", "(2.0,)", "the shift of 'seam' has 1 numbers, not 2"),
        ('"seam": ps', '"total": ps', "'total', allowed: a name without '/' and none of away"),
        ('"seam": ps', '"a/b": ps', "found a condition 'a/b', allowed: a name without '/'"),
        ('"closed form"', '"closed"', "is 'closed', allowed: 'closed form', 'solver', 'none'"),
        ("(D.identity, 1)", "(D.identity, 2)", "'start' speaks of output 2, allowed: 0 to 1"),
        ("RING.face(0, 0.0)", "RING.face(0, -4.0)", "no supervised point lies on a segment of"),
        ("2, waves", "2, lambda p: waves(p)[:, 0]", "reference has the shape"),
        ("points: int = 9", 'points: int = 9; components = ("u", "u")', "components names each of"),
        (
            "return torch.stack([u_t - v_x, v_t - u_x], dim=-1)",
            "return [u_t]",
            "is list, not (2, 5",
        ),
        ("u_t - v_x", "u_t.tolist() - v_x", "waves.py, line 40: TypeError: "),
        ("(D.x, D.t)", "(D.x, D.y)", "waves.py, line 25: AttributeError: no derivative 'y'"),
        ("(D.x, D.t)", "(D.x, D.xxxx)", "of order 4: an equation of order four or more is"),
        (
            "    operators = (D.x, D.t)",
            "    @property\n    def operators(self):\n        return (D.x, D.y)",
            "waves.py, line 27: AttributeError: no derivative 'y'",
        ),
        (
            "np.sin(x) *",
            "np.where(x == 0, np.nan, np.sin(x)) *",
            "it is not finite at 9 of 81 points, the first is (0, ",
        ),
        (
            "(frozen=True, kw_only=True)",
            "(kw_only=True)",
            "line 19: ValueError: problem 'own_waves': OwnWaves must be a frozen dataclass",
        ),
    ],
)
def test_a_mistake_is_one_message_where_the_study_is_read(
    folder: Path, right: str, wrong: str, complaint: str
) -> None:
    assert PROBLEM.count(right) == 1
    (folder / "waves.py").write_text(PROBLEM.replace(right, wrong))
    (folder / "waves.yaml").write_text(STUDY.replace("loss/total", "loss/regression"))
    with pytest.raises(StudyError) as refused:
        load_study("waves.yaml")
    assert complaint in str(refused.value)


def test_a_grid_without_interior_points_is_refused(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"has no interior points, all .* lie on its conditions"):
        load_study("waves.yaml", ["base.problem.points=1"])


def test_from_python_a_broken_problem_is_not_trained(folder: Path) -> None:
    study = load_study("waves.yaml")
    kind = type(study.configuration_of("pinn").problem)
    kind.components = ("u", "u")
    with pytest.raises(BrokenPromise, match="components names each of the 2 outputs once"):
        train(short(kind()))


def test_an_ode_may_have_no_conditions(folder: Path) -> None:
    (folder / "waves.py").write_text(
        PROBLEM.replace('"start": ps.Condition((start,), (U, V)),', "").replace(
            '"seam": ps.Condition((seam,), (U, V), shift=(2.0, 0.0)),', ""
        )
    )
    problem = load_study("waves.yaml").configuration_of("pinn").problem
    assert problem.grid_size == (81, 0)
    assert train(short(problem)).table.num_rows == 3
