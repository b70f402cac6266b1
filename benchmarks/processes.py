"""A process and its descendants, and their commands, as Linux tells everyone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def family(pid: int) -> list[Path]:
    """The process and all that descend from it, as folders of /proc."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        stat = _read(process / "stat").rpartition(b")")[2].split()
        if stat:
            parents[int(process.name)] = int(stat[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return [Path("/proc", str(one)) for one in found]


def commands(processes: list[Path]) -> list[bytes]:
    """Their command lines, which every user may read."""
    return [_read(process / "cmdline") for process in processes]


def core_seconds(processes: Iterable[Path]) -> float:
    """Seconds of a core that they have used, with those of their children that have ended."""
    ticks = 0
    for process in processes:
        stat = _read(process / "stat").rpartition(b")")[2].split()
        ticks += sum(map(int, stat[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
