"""Each setting has a process of its own, with its cores and threads."""

from __future__ import annotations

import os

import pytest
import torch

from benchmarks.alone import alone
from pinn_core.cores import usable_cores


def found() -> tuple[int, int, str, str]:
    flags = os.environ["XLA_FLAGS"]
    return usable_cores(), torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], flags


def broken() -> None:
    raise ValueError("said in the other process")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_process_has_the_cores_and_the_threads_that_are_asked_for(threads: int) -> None:
    before = usable_cores()
    if before < threads or not hasattr(os, "sched_setaffinity"):
        pytest.skip(f"needs {threads} cores on which a process can be held")
    several = "true" if threads > 1 else "false"
    flags = f"--xla_cpu_multi_thread_eigen={several}"
    assert alone(threads, found) == (threads, threads, str(threads), flags)
    assert usable_cores() == before


def test_what_fails_there_fails_here() -> None:
    with pytest.raises(ValueError, match="said in the other process"):
        alone(1, broken)
