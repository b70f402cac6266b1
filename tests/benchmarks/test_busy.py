"""How busy cores were, from manifests."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.busy import LARGE, SMALL, shares, study_text, targets
from pinn_core.records.trajectory import Manifest
from sweeps.study.plan import model_points
from sweeps.study.study import study_from


def manifest(**parts: Any) -> Manifest:
    plain = dict.fromkeys(("run_id", "study", "model", "stage", "digest", "sha256", "device"), "")
    return Manifest(
        **plain, configuration={}, varied={}, environment={}, seed=0, steps=1, diverged_at=None,
        bytes=0, threads=1, **parts,
    )  # fmt: skip


@pytest.mark.parametrize("runs", [SMALL, LARGE])
def test_the_study_has_as_many_runs_as_are_asked_for(runs: int) -> None:
    study = study_from(study_text(runs, 10), "busy")
    assert len(model_points(study, "pinn")) == runs


def test_busy_is_the_share_of_the_cores_time_in_training() -> None:
    pair = [manifest(started=10.0, seconds=2.0, pack_size=2)] * 2  # one core, from 10 to 14
    alone = manifest(started=12.0, seconds=3.0, pack_size=1)  # the other, from 12 to 15
    found = shares([*pair, alone], began=7.0, ended=16.5, cores=2)
    assert found == {"before": 3.0, "training": 5.0, "after": 1.5, "trained": 7.0, "busy": 0.7}


def test_what_was_not_measured_is_no_target_met() -> None:
    small = {"runs": SMALL, "busy": 0.9, "seconds": 20.0}
    assert [target.met for target in targets({"rows": [small]})] == [True, None, False]
