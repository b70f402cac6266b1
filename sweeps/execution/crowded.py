"""Whether other programs keep this machine busy."""

import os

CROWDED = 2
"""Processes that want to run, for each core, from which on a machine is called busy."""


def crowded_in_words() -> str:
    """That this machine is busy, with its load of the last minute; empty if it is not."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load < CROWDED * cores:
        return ""
    return f"this machine is busy (load {load:.0f} on {cores} cores)"
