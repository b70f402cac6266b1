"""The files of this checkout that git tracks; what else lies in it belongs to its user."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def tracked(checkout: Path = ROOT) -> list[Path]:
    """Skips the test where there is no git, or no checkout."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=checkout, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a checkout")
    return [checkout / name for name in listed.stdout.split("\0") if (checkout / name).is_file()]
