"""One environment for every test: one thread, no telemetry, nothing of the user's own settings.

Set before torch, Ray and MLflow are imported, and inherited by every process a test starts.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import config

from tests.shape_checks import check_first_calls

for name in (
    "MLFLOW_TRACKING_URI",
    "PINN_SWEEP_RUNS",
    "PINN_SWEEP_STORE",
    "RAY_ADDRESS",
    "SWEEP_FAULT",
):
    os.environ.pop(name, None)

os.environ.update(
    # Two cores carry several processes at a time; results do not depend on the number of threads.
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    MPLBACKEND="Agg",
    # Ray: a token of this session alone, so that none is written into the home directory.
    RAY_AUTH_MODE="token",
    RAY_AUTH_TOKEN=secrets.token_hex(32),
    RAY_USAGE_STATS_ENABLED="0",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
)
os.environ.pop("RAY_AUTH_TOKEN_PATH", None)

CHECKED = [Path(__file__).parent / room for room in ("pinn_core", "contracts")]
"""Tests in which calls of pinn_core have their shapes checked; in others that only costs time."""


def pytest_configure(config: pytest.Config) -> None:
    """Property tests try the same examples every time, or those of ``--hypothesis-seed``.

    What is slow is not wrong: they have no deadline.
    """
    settings.register_profile(
        "tests",
        derandomize=config.getoption("--hypothesis-seed") is None,
        database=None,
        deadline=None,
        print_blob=True,
    )
    settings.load_profile("tests")
    check_first_calls()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test and its fixtures with shapes checked, or without."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", not any(item.path.is_relative_to(room) for room in CHECKED))
    try:
        return (yield)
    finally:
        config.update("jaxtyping_disable", before)
