"""The cluster's files as tests read them, and the versions that they must have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
GUIDE = ROOT / "docs" / "cluster.md"

LAUNCHER_FILES = (ROOT / "cluster.yaml", DEPLOY / "on-premise" / "local-provider.yaml")
SCRIPTS = (*sorted(DEPLOY.rglob("*.sh")), DEPLOY / "slurm" / "study.sbatch")
ALL_FILES = (
    ROOT / "cluster.yaml",
    *sorted(file for file in DEPLOY.rglob("*") if file.is_file() and "secrets" not in file.parts),
    GUIDE,
)


def load(file: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(file))


def pin(package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)$", _constraints(), re.MULTILINE)
    assert found is not None, package
    return found[1]


def python() -> tuple[str, str]:
    found = re.search(r"^# .*Python (\d+)\.(\d+)", _constraints(), re.MULTILINE)
    assert found is not None
    return found[1], found[2]


def ray_tag() -> str:
    return f"{pin('ray')}-py{''.join(python())}"


def our_commands(text: str) -> list[list[str]]:
    """Every ``pinn-sweep`` command of a page: in code blocks, quoted there, and in the text."""
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    within = re.findall(r"`(pinn-sweep \w+ [^`]+)`", text)
    lines = [*"".join(blocks).splitlines(), *(" ".join(each.split()) for each in within)]
    return [command for line in lines for command in _in_line(shlex.split(line, comments=True))]


def _in_line(words: list[str]) -> list[list[str]]:
    quoted = [shlex.split(word) for word in words if word.startswith("pinn-sweep ")]
    plain = [words[place:] for place, word in enumerate(words) if word.endswith("pinn-sweep")]
    return [*quoted, *plain]


def _constraints() -> str:
    return (ROOT / "constraints.txt").read_text(encoding="utf-8")
