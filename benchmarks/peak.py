"""The most arithmetic that the machine does, to which a fraction of the peak refers.

On a CPU it is that of multiply-adds in the widest vectors, in registers: a large matrix product is
no measure, since some libraries multiply with narrower vectors than the CPU has. On a GPU, or
without a compiler, it is the better of two large square products.
"""

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

from benchmarks.machine import sgemm_seconds
from benchmarks.timing import Case
from pinn_core.engine.backends import build

SOURCE = Path(__file__).with_name("cpp") / "fma.cpp"
SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Of the square products."""
ROUNDS = 1_000_000
FMA = "multiply-adds in the widest vectors"
PRODUCT = "a large matrix product"


def cases(device: str = "cpu", threads: int = 1) -> dict[str, Case]:
    """Seconds of one floating point operation of float32, of everything that may be the peak."""
    loop = _loop() if device == "cpu" else None
    if loop:
        return {FMA: partial(_seconds, loop, threads)}
    return {f"{PRODUCT} {side}": partial(_in_a_product, side, device) for side in SIDES[device]}


def _in_a_product(side: int, device: str) -> float:
    """Of one operation, in the product of two square matrices."""
    return sgemm_seconds(side, device) / (2 * side**3)


def _seconds(loop: Callable[[int], int], threads: int) -> float:
    """Of one operation, when so many threads do the same at a time."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(loop, [1] * threads))  # the threads are there
        started = time.perf_counter()
        operations = sum(pool.map(loop, [ROUNDS] * threads))
        return (time.perf_counter() - started) / operations


@cache
def _loop() -> Callable[[int], int] | None:
    """Does so many rounds and returns the operations in them; None without a compiler."""
    named = os.environ.get("CXX") or next(filter(None, map(shutil.which, build.COMPILERS)), None)
    if not named:
        return None
    with tempfile.TemporaryDirectory(prefix="peak-") as folder:
        library = Path(folder, "fma.so")
        for tuning in build.TUNINGS:
            command = [*shlex.split(named), *build.FLAGS, *tuning, f"-I{build.SOURCE}"]
            done = subprocess.run(
                [*command, str(SOURCE), "-o", str(library)], capture_output=True, check=False
            )
            if done.returncode == 0:
                return _typed(ctypes.CDLL(str(library)))
    return None


def _typed(library: ctypes.CDLL) -> Callable[[int], int]:
    library.pinn_fma.argtypes = (ctypes.c_int64, ctypes.c_float, ctypes.c_float)
    library.pinn_fma.restype = ctypes.c_float
    library.pinn_fma_operations.restype = ctypes.c_int64
    each = int(library.pinn_fma_operations())

    def loop(rounds: int) -> int:
        library.pinn_fma(rounds, 0.999, 0.001)
        return rounds * each

    return loop
