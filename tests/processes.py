"""Processes that a test starts: none outlives its test, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def running(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A command in a process group of its own, killed with its group if the block ends first.

    Its output is a pipe with stderr among it, unless ``options`` of ``Popen`` say otherwise. A
    ``with`` of ``Popen`` itself would wait for the process, and for ever if a test fails meanwhile.
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(
        list(map(str, command)), text=True, start_new_session=True, **(pipes | options)
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
