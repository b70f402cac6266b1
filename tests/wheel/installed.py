"""The distribution as it is shipped, in a clean environment of its own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUIETLY = ("--disable-pip-version-check", "--quiet", "--no-deps", "--no-index")


def installed(folder: Path) -> Path:
    """The ``bin`` of a new environment with the wheel in it; all other packages are this one's.

    Neither the checkout nor an editable installation of it is on the environment's path.
    """
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    below = sysconfig.get_path("purelib", vars={"base": str(environment)})
    here = sysconfig.get_path("purelib")  # its own .pth files are not read from another's
    Path(below, "packages.pth").write_text(f"{here}\n")
    _pip("wheel", "--no-build-isolation", f"--wheel-dir={folder}", ROOT)
    (wheel,) = folder.glob("pinn_sweeps-*.whl")
    _pip("install", wheel, before=(f"--python={python}",))
    return environment / "bin"


def _pip(command: str, *words: str | Path, before: tuple[str, ...] = ()) -> None:
    subprocess.run([sys.executable, "-m", "pip", *before, command, *QUIETLY, *words], check=True)
