"""Work in a fresh process that has so many cores, whatever libraries it will import."""

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")


def alone(threads: int, function: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
    """What ``function`` returns, called in a new process on ``threads`` cores with as many threads.

    JAX and OpenMP ask for the cores when they are imported, and JAX sets up its threads only once:
    hence a process for each setting. Compilers find their caches empty. Where the system cannot
    hold a process on cores (macOS), torch keeps to its threads and JAX to one or all.
    """
    spawned = get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as cache,
        ProcessPoolExecutor(1, spawned, _confined, (threads, cache)) as process,
    ):
        return process.submit(function, *arguments).result()


def _confined(threads: int, cache: str) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    several = str(threads > 1).lower()
    os.environ |= {
        "OMP_NUM_THREADS": str(threads),
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={several}",
        "TORCHINDUCTOR_CACHE_DIR": cache,
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
    import torch

    torch.set_num_threads(threads)
