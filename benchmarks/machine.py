"""What a benchmark ran on: machine, load, versions, and the time of a large matrix product."""

import os
import platform
import re
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from pinn_core.cores import usable_cores

PACKAGES = (
    *("pinn-sweeps", "torch", "numpy", "ray", "optuna", "mlflow"),
    *("deepxde", "jax", "jaxlib", "jinns"),
)
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe() -> dict[str, Any]:
    """Processor, cores (of the machine, and those this process may use), caches, memory, GPU, load.

    ``vector_bits`` is the width of the processor's vectors of numbers. ``load`` is the load average
    of the last minute, None where the system has none: much above 0 says that something else ran.
    """
    return {
        "processor": _processor(),
        "vector_bits": _vector_bits(),
        "cores": os.cpu_count(),
        "cores_usable": usable_cores(),
        "caches": _caches(),
        "memory_gib": _memory(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str | None]:
    """Installed versions of Python and of what the tables compare; None where it is missing."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def sgemm_seconds(side: int, device: str = "cpu") -> float:
    """Seconds of one square float32 matrix product, ``side`` on each side, on torch's threads.

    Tables measure it among their cases.
    """
    left = torch.ones(side, side, device=device)
    out = torch.empty_like(left)
    torch.mm(left, left, out=out)
    if device != "cpu":
        torch.cuda.synchronize()
    start = time.perf_counter()
    torch.mm(left, left, out=out)
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.processor()


def _vector_bits() -> int | None:
    """Of the widest vectors of numbers; None where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^(?:flags|Features)\s*:(.+)$", text, re.MULTILINE)
    abilities = set(found[1].split()) if found else set()
    widths = {"avx512f": 512, "avx2": 256, "sse2": 128, "asimd": 128}
    return next((bits for ability, bits in widths.items() if ability in abilities), None)


def _caches() -> dict[str, str]:
    """Sizes by level and kind of the first core; empty where the system does not say."""
    folders = sorted(CACHES.glob("index*"))
    return {_cache_name(folder): (folder / "size").read_text().strip() for folder in folders}


def _cache_name(folder: Path) -> str:
    kind = {"Data": "d", "Instruction": "i"}.get((folder / "type").read_text().strip(), "")
    return f"L{(folder / 'level').read_text().strip()}{kind}"


def _memory() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return None
    return round(size / 2**30, 1)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
