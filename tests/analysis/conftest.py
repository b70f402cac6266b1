"""Runs with known answers, and a store to commit them to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analysis.load import StudyData
from pinn_core.records.trajectory import Manifest, Trajectory, write_parquet

Commit = Callable[..., Manifest]
REGRESSION_BY_NAME: Mapping[str, str] = {"regression": "regression"}
"""Kinds of objectives of the models that are no PINNs."""


def ln_curve(flat: int, steps: int) -> pd.Series[float]:
    """A loss whose logarithm falls by 0.1 a step to step 30, rests, then falls by 0.04 a step."""
    slopes = np.repeat([-0.1, 0.0, -0.04], [30, flat, steps - 30 - flat])
    index = pd.RangeIndex(steps + 1, name="step")
    return pd.Series(np.exp(np.concatenate([[0.0], slopes.cumsum()])), index)


@pytest.fixture
def curve() -> Callable[[int, int], pd.Series[float]]:
    return ln_curve


@pytest.fixture
def trajectory() -> Callable[..., pd.DataFrame]:
    """A run that rests for `flat` steps, moving by `speed` a step inside and by 1 after."""

    def make(flat: int = 200, steps: int = 400, speed: float = 0.5) -> pd.DataFrame:
        loss = ln_curve(flat, steps)
        step = loss.index.to_numpy()
        moved = np.where(step < 30 + flat, speed, 1.0)
        place = np.concatenate([[0.0], moved[:-1].cumsum()])
        due = step % 20 == 0
        return pd.DataFrame(
            {
                "loss/regression": loss,
                "update/norm": np.where(step == steps, np.nan, moved),
                "update/distance": place,
                "gradient/cosine": np.where(step % 5 == 0, np.where(step % 2, 0.5, -0.5), np.nan),
                "sketch": [[x, 0.0] if now else None for x, now in zip(place, due, strict=True)],
            },
            loss.index,
        )

    return make


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    """Commit a trajectory to the store at tmp_path / "store", as a worker would."""
    store = tmp_path / "store"

    def one(frame: pd.DataFrame, *, diverged_at: int | None = None, **said: Any) -> Manifest:
        store.mkdir(exist_ok=True)
        table = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
        name = "-".join(str(said.get(key, "")) for key in ("model", "stage", "seed", "varied"))
        run_id = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
        recorded = Trajectory(table, diverged_at)
        write_parquet(recorded, store / f"{run_id}.parquet")
        content = (store / f"{run_id}.parquet").read_bytes()
        defaults: dict[str, Any] = {
            "study": "rest",
            "model": "pinn",
            "stage": "rerun",
            "seed": 0,
            "varied": {},
            "configuration": {"network": {"width": 64}, "phases": [{"kind": "adam"}]},
            "environment": {"torch": "2.13.0"},
            "device": "cpu",
            "threads": 1,
            "pack_size": 2,
            "started": 1.7e9,
            "seconds": 2.5,
        }
        manifest = Manifest(
            run_id=run_id,
            steps=len(frame) - 1,
            diverged_at=diverged_at,
            digest=recorded.digest(),
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            **{**defaults, **said},
        )
        (store / f"{run_id}.json").write_text(manifest.to_json())
        return manifest

    return one


@pytest.fixture(scope="session")
def study() -> Callable[..., StudyData]:
    """A study in memory: of each model `seeds` reruns, whose plateaus last 100, 110, ... steps."""

    def make(
        *models: str,
        seeds: int = 3,
        steps: int = 300,
        diverged_at: int | None = None,
        without: tuple[str, ...] = (),
        kinds: Mapping[str, str] = REGRESSION_BY_NAME,
    ) -> StudyData:
        frames = {
            f"{place}{seed:015}": full_trajectory(100 + 10 * seed, steps, place + seed).drop(
                columns=list(without)
            )
            for place in range(len(models))
            for seed in range(seeds)
        }
        runs = pd.DataFrame(
            {
                "model": np.repeat(models, seeds),
                "stage": "rerun",
                "seed": [*range(seeds)] * len(models),
                "steps": steps,
                "diverged_at": pd.array([None] * len(frames), dtype="Int64"),
                "seconds": 2.5,
                "started": 1.7e9,
                "device": "cpu",
                "threads": 1,
                "pack_size": 2,
                "setting": "",
                "objective.kind": np.repeat([kinds.get(model, "pinn") for model in models], seeds),
                "environment.torch": "2.13.0",
                "environment.processor": "a machine",
                "network.width": 64,
                "network.activation": "gelu",
            },
            index=pd.Index(list(frames), name="run_id"),
        )
        if diverged_at is not None:
            first = runs.index[0]
            frames[first] = frames[first].loc[: diverged_at - 1].reindex(range(steps + 1))
            runs.loc[first, "diverged_at"] = diverged_at
        return StudyData("rest", runs, [], frames.__getitem__)

    return make


def full_trajectory(flat: int, steps: int, seed: int) -> pd.DataFrame:
    """A run with every column that figures show; gradients every 5th and sketches every 20th."""
    loss = ln_curve(flat, steps)
    step, random = loss.index.to_numpy(), np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "loss/regression": loss,
            "loss/residual": 10 / loss,
            "loss/boundary": 3 * loss,
            "error/relative_l2": np.sqrt(loss),
            "update/norm": np.where(step == steps, np.nan, 0.1),
            "update/cosine": random.uniform(-1, 1, steps + 1),
            "update/distance": 0.1 * step,
            "gradient/cosine": np.where(step % 5, np.nan, random.uniform(-1, 1, steps + 1)),
            "sketch": pd.Series([None if k % 20 else np.array([0.1 * k, 0]) for k in step]),
        },
        loss.index,
    )
