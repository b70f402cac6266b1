"""One pack where it is trained: what is done already, and who does the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pinn_core.records.trajectory import Trajectory
from pinn_core.training import trainer
from pinn_core.training.trainer import Member
from sweeps.execution.context import WorkerContext
from sweeps.execution.training import train_pack
from sweeps.store.results import outcome_of
from sweeps.store.store import Store
from sweeps.study.plan import PackPlan
from tests.sweeps.samples import commit, pinn_run, sample_study, trajectory_of

asked: list[Member] = []


def noted(members: Sequence[Member], **options: Any) -> list[Trajectory]:
    asked.extend(members)
    return trainer.train(members, **options)


def test_the_trainer_of_the_workplace_trains_what_is_missing(tmp_path: Path) -> None:
    study = sample_study(tmp_path, "base.phases.0.steps=3")
    done, missing = pinn_run(study), pinn_run(study, lambda_b=100.0)
    store = Store(str(tmp_path / "store"))
    commit(store, done, trajectory_of(done))
    place = WorkerContext(
        store=store.root,
        metric="loss/regression",
        progress=str(tmp_path / "progress"),
        trainer=f"{__name__}:noted",
    )
    assert missing.run_id not in store
    values = train_pack(PackPlan("p", (done, missing)), place)
    assert [one.configuration for one in asked] == [missing.configuration]
    assert values == {
        run.run_id: outcome_of(store.read(run.run_id), place.judged_by) for run in (done, missing)
    }
