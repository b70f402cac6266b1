"""One environment for every test: one thread, no telemetry, nothing of the user's own settings.

Set before torch, Ray and MLflow are imported, and inherited by every process a test starts.
"""

from __future__ import annotations

import os
import secrets

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
