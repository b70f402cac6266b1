"""How the C library treats freed memory: a training step needs again what the last one freed."""

import ctypes
from contextlib import suppress
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's names for two numbers of ``mallopt`` (malloc.h)."""


@cache
def keep_freed_memory() -> None:
    """Let this process keep up to 256 MiB that it freed; only glibc is known to need it.

    By default it returns whatever is free beyond some hundred kB, and every tensor of the next step
    costs a page fault for each 4 kB: a third of the eager backend's time on small networks.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(TRIM_THRESHOLD, 256 << 20)
        mallopt(MMAP_THRESHOLD, 32 << 20)
