"""The study that is timed, and the plain loops it is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.loops import nested_step, peer_step
from benchmarks.peers.nested import Nested
from benchmarks.study import FULL, OURS, QUICK, configurations, figure, section
from pinn_core import Adam, Configuration, Heat, Mlp, Pinn, Regression
from pinn_core.objectives import Objective
from sweeps.study.study import load_study


@pytest.mark.parametrize(("text", "count", "steps"), [(FULL, 24, 1000), (QUICK, 4, 100)])
def test_it_has_so_many_configurations(text: str, count: int, steps: int, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(text)
    chosen = configurations(load_study(str(file)))
    assert len({repr(one) for one in chosen}) == count
    assert {one.steps for one in chosen} == {steps}
    assert {type(one.objective) for one in chosen} == {Pinn, Regression}


@pytest.mark.parametrize("objective", [Pinn(), Pinn(batch=16), Regression(batch=16)])
def test_a_loop_steps_through_every_objective(
    objective: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = 0
    taken = torch.optim.Adam.step

    def counted(adam: torch.optim.Adam) -> None:
        nonlocal updates
        updates += 1
        taken(adam)

    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    configuration = Configuration(
        problem=Heat(points_per_axis=6, interior_points=20),
        network=Mlp(width=4, depth=2, activation="gelu"),
        objective=objective,
        phases=(Adam(steps=3),),
    )
    for step in (nested_step(configuration), peer_step(configuration, Nested)):
        step()
        step()
    assert updates == 4


def test_the_page_has_table_and_figure(tmp_path: Path) -> None:
    rows = [
        {"what": what, "runs": 24, "steps": 1000, "seconds": seconds, "vs_ours": seconds / 600}
        for what, seconds in ((OURS, 600.0), ("loop over nested autograd", 1800.0))
    ]
    result = {"rows": rows, "notes": ["Said so."]}
    assert "| pinn-sweep run | 24 |" in section(result)
    figure(result, tmp_path / "study.png")
    assert (tmp_path / "study.png").stat().st_size > 1000
