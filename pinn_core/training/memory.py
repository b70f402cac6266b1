"""A device's memory: how much there is, how to give it back, how to tell that it was short."""

import gc
from dataclasses import dataclass
from pathlib import Path

from pinn_core.tensors import torch

EXHAUSTED = ("DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""Words of errors that mean exhausted memory, though their type does not say so."""

MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Memory:
    """Bytes of a device: all of them, and those that nobody uses now."""

    total: int
    free: int


def memory_of(device: str) -> Memory | None:
    """The device's memory; None on a machine that does not say."""
    if device != "cpu":
        free, total = torch.cuda.mem_get_info(device)
        return Memory(total, free)
    known = [memory for memory in (_machine(), _container()) if memory]
    return min(known, key=lambda memory: memory.free, default=None)


def release(device: str) -> None:
    """Give back what an allocator holds for nobody."""
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()


def is_exhausted(error: BaseException) -> bool:
    """Whether an error means that memory was not enough."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in EXHAUSTED)


def _machine() -> Memory | None:
    if not MEMINFO.is_file():
        return None
    lines = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
    total, free = (1024 * int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    return Memory(total, free)


def _container() -> Memory | None:
    """The container's limit; files that it can drop at once count as free, as Kubernetes does."""
    limit = CGROUP / "memory.max"
    if not limit.is_file() or limit.read_text().strip() == "max":
        return None
    total = int(limit.read_text())
    used = int((CGROUP / "memory.current").read_text())
    stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
    return Memory(total, max(0, total - used + int(stat.get("inactive_file", 0))))
