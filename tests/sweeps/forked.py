"""Drivers of a tiny study, each a process of its own that a fault may kill, started in a moment.

A server that has imported everything forks a process for each driver: what it would else import
takes a hundred times longer than what it trains.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from tests.sweeps.s3 import KEYS

ROOT = Path(__file__).resolve().parents[2]
STUDY = """
name: sample
base:
  problem: {kind: heat, points_per_axis: 4, interior_points: 4}
  network: {kind: mlp, width: 4, depth: 1}
  phases: [{kind: adam, steps: 3}]
  record: {points: 6, gradients_every: 2, gradient_points: 4, full_every: 3, sketch_every: 3}
models:
  pinn:
    objective: {kind: pinn}
    space: {objective.lambda_b: [10.0, 100.0]}
  regression:
    objective: {kind: regression, batch: 4}
rerun: {seeds: 1}
resources: {retries: 1}
"""
SERVE = "from tests.sweeps.forked import serve; serve()"


class Drivers:
    """Starts drivers through a server's pipes."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders, self._answers = orders, answers

    def run(
        self, folder: Path, faults: str = "", checkpoints: bool = False, store: str | None = None
    ) -> tuple[int, str]:
        """Exit code of a driver of ``folder/sample.yaml`` (-9: it was killed) and what it said.

        With ``checkpoints`` every step of a pack leaves one.
        """
        self._orders.write(json.dumps([str(folder), faults, checkpoints, store]) + "\n")
        self._orders.flush()
        code = int(self._answers.readline())
        return code, (folder / "screen.txt").read_text()


@contextmanager
def drivers() -> Iterator[Drivers]:
    """A server, for as long as it is needed."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], cwd=ROOT, stdin=pipe, stdout=pipe, text=True
    ) as server:
        assert server.stdin and server.stdout
        yield Drivers(server.stdin, server.stdout)
        server.stdin.close()


def serve() -> None:
    """Fork a driver for each line that comes in; answer with its exit code.

    Before the first of them the server drives its study once itself: it has imported all then.
    """
    from sweeps.execution import launch

    # reports have tests of their own and take seconds
    launch.bring_report_up_to_date = lambda *_: None
    with TemporaryDirectory() as folder:
        Path(folder, "sample.yaml").write_text(STUDY)
        assert _drive(Path(folder)) == 0
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(60)  # what imports the report beside the reruns
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        folder, *how = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_drive(Path(folder), *how))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _drive(
    folder: Path, faults: str = "", checkpoints: bool = False, store: str | None = None
) -> int:
    """Run the study in ``folder`` as the command line does; 3 if it ends in a traceback."""
    from rich.console import Console

    from sweeps.errors import StudyError
    from sweeps.execution import training
    from sweeps.execution.launch import run_study
    from sweeps.study.study import load_study

    os.environ |= KEYS | {"SWEEP_FAULT": faults}
    if checkpoints:
        training.CHECKPOINT_EVERY = 0.0
    with (folder / "screen.txt").open("w") as screen:
        try:
            return run_study(
                load_study(str(folder / "sample.yaml")),
                runs_dir=folder / "runs",
                executor="inline",
                console=Console(file=screen, width=300),
                store=store,
            )
        except StudyError as error:
            screen.write(f"{error}\n")
            return 2
        except KeyboardInterrupt:
            return 130
        except BaseException:  # whatever it is, the test shows it
            traceback.print_exc(file=screen)
            return 3
