"""``python -m benchmarks.gpu``: one command of at most ten minutes for a machine with a GPU.

It needs pinn_core and what that needs (torch, numpy, scipy, pyarrow, jaxtyping, safetensors), and
pytest with hypothesis for the tests; nothing has to be installed of the program itself. Where Ray,
MLflow or JAX is missing, what needs it is left out, and a row says so. Each part runs in a process
of its own and is ended when its time is over; what it had measured until then is kept.

``--rehearse`` runs all of it on the CPU in small sizes: it shows that the command works, and its
numbers say nothing. On 2026-11-29 parts of it ran on one NVIDIA H200 (16 cores with AVX-512), each
started by itself: ``reference``, two cases of ``step``, 17 of the then 28 tests. ``packs``,
``study`` and the whole command in one go have only been rehearsed.

Rows: part, what the part says (``benchmarks.gpu.parts``); ``ended`` where a part did not finish.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

from benchmarks.command import Measured, Row, main, say

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"step": 150, "packs": 80, "reference": 90, "study": 100, "tests": 150}
"""Seconds of each part. The last one also has what the others left of ``WHOLE``."""
WHOLE = 600
ENDING = 5
"""Seconds that a part may take to end when its time is over."""
OPTIONS = {"rehearse": {"action": "store_true", "help": "all on the CPU, in small sizes"}}
SETTINGS = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # else JAX takes three quarters of the card
    "JAX_DEFAULT_MATMUL_PRECISION": "highest",  # float32 products, as ours are, and not TF32
}


def measure(quick: bool, rehearse: bool) -> Measured:
    """The rows of all parts, one part after the other."""
    if not rehearse and not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU here; --rehearse runs the command on the CPU")
    device = "cpu" if rehearse else "cuda"
    rows: list[Row] = []
    *_, last = LIMITS
    ends = time.monotonic() + WHOLE - ENDING
    for part, least in LIMITS.items():
        seconds = ends - time.monotonic() if part == last else least
        rows += rows_of(part, device, quick or rehearse, seconds)
    return rows, ["A rehearsal on the CPU: the numbers say nothing."] if rehearse else []


def rows_of(part: str, device: str, small: bool, seconds: float) -> list[Row]:
    """What a part says within so many seconds."""
    say(part)
    script = "from benchmarks.gpu.parts import main; main()"
    command = [sys.executable, "-c", script, part, device, *["small"] * small]
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**SETTINGS, **os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            said, ended = running.communicate(timeout=seconds)[0], None
        except subprocess.TimeoutExpired:
            said, ended = _stopped(running), f"its {seconds:.3g} seconds were over"
    if ended is None and running.returncode:
        ended = f"exit code {running.returncode}"
    rows = [{"part": part, **json.loads(line)} for line in said.splitlines() if line[-1:] == "}"]
    return [*rows, *[{"part": part, "ended": ended}] * (ended is not None)]


def _stopped(running: subprocess.Popen[str]) -> str:
    """End a part and all that it started; what it had said."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        with suppress(subprocess.TimeoutExpired):
            return running.communicate(timeout=ENDING)[0]
    return ""


if __name__ == "__main__":
    main("gpu", measure, options=OPTIONS)
