"""The data set of the reference study: what its files hold, and how they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.load import StudyData
from analysis.rules import PlateauRule
from benchmarks.dataset import CURVES, POINTS, table_of

SHARDS = sorted((Path(__file__).parents[2] / "docs" / "results" / "data").glob("*.parquet"))


def test_a_run_is_a_row_with_its_curve_thinned() -> None:
    runs = pd.DataFrame(
        {
            "model": "pinn",
            "stage": "search",
            "seed": 0,
            "objective.batch": ["full", 512],
            "steps": 999,
            "diverged_at": pd.array([None, 500], dtype="Int64"),
            "seconds": 1.5,
            "digest": "d",
        },
        index=pd.Index(["a", "b"], name="run_id"),
    )
    curve = np.geomspace(4.0, 0.1, 1000)
    cosine = pd.Series(np.where(np.arange(1000) % 25 == 0, 0.5, np.nan))

    def read(_: str) -> pd.DataFrame:
        return pd.DataFrame({"loss/regression": curve, "gradient/cosine": cosine})

    rows = table_of(StudyData("s", runs, ["objective.batch"], read), PlateauRule()).to_pylist()
    first, second = rows
    assert [row["objective.batch"] for row in rows] == ["full", "512"]
    assert first["final.loss/regression"] == pytest.approx(0.1)
    assert (second["diverged_at"], second["final.loss/regression"]) == (500, None)
    steps = first["curve.step"]
    assert (steps[0], steps[-1]) == (0, 999)
    assert POINTS - 6 <= len(steps) <= POINTS
    assert first["curve.loss/regression"] == pytest.approx(curve[steps], rel=1e-6)
    assert set(first["curve.gradient/cosine"]) == {0.5}


@pytest.mark.parametrize("shard", SHARDS, ids=lambda one: one.stem)
def test_a_shard_has_all_runs_of_its_activation(shard: Path) -> None:
    found = pq.read_table(shard).to_pandas()
    assert found["run_id"].is_unique
    search = found[found["stage"] == "search"]
    assert search["model"].value_counts().to_dict() == {
        "pinn-batches": 216, "regression": 108, "pinn": 72,
    }  # fmt: skip
    assert set(search["network.activation"]) == {shard.stem.rpartition("-")[2]}
    assert {f"curve.{name}" for name in CURVES} < set(found)
