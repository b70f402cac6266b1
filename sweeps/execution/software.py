"""What a study is carried out with on one node: the same on all of them, or bits would differ."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

PACKAGES = ("pinn-sweeps", "torch", "numpy", "ray")
OURS = ("pinn_core", "sweeps", "analysis", "pinn_sweeps")


@cache
def installed() -> Mapping[str, str]:
    """Versions of Python and of the packages that matter here, and a hash of our own code.

    The code of a checkout changes long before its version does.
    """
    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "code": _code()}


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """The versions that differ there, in words; empty if none does.

    >>> differences({"torch": "2.12.0", "ray": "2.60.0"}, {"torch": "2.13.0", "ray": "2.60.0"})
    'torch 2.12.0 instead of 2.13.0'
    """
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')} instead of {mine}"
        for name, mine in ours.items()
        if theirs.get(name) != mine
    )


def _code() -> str:
    state = hashlib.blake2b(digest_size=4)
    for package in OURS:
        root = Path(str(files(package)))
        for file in sorted(root.rglob("*")):
            if file.suffix in (".py", ".cpp", ".hpp", ".yaml", ".j2"):
                state.update(f"{package}/{file.relative_to(root)}".encode() + file.read_bytes())
    return state.hexdigest()
