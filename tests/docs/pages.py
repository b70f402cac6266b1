"""Pages whose files and commands are tried: what stands in their marked blocks.

A comment before a block says what it is: ``<!-- file: NAME -->`` a file of that name,
``<!-- run -->`` shell commands, ``<!-- output -->`` what these commands say. All other blocks are
only read.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^<!-- (file: \S+|run|output) -->\n+```\w*\n(.*?)^```$", re.M | re.S)
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
VARIES = re.compile(r"(?:\b[0-9a-f]{8,}\b|[-+]?\d[\d.]*(?:e[-+]?\d+)?|[─\s])+")
"""What differs from one machine or moment to the next: ids, numbers, widths of columns."""


@dataclass(frozen=True)
class Block:
    """A marked block of a page: ``what`` is file, run or output; a file has a ``name``."""

    what: str
    name: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page of the documentation."""

    path: Path

    @property
    def text(self) -> str:
        """The whole page."""
        return self.path.read_text(encoding="utf-8")

    @property
    def blocks(self) -> list[Block]:
        """Its marked blocks, in order."""
        return [
            Block(mark.partition(":")[0], mark.partition(": ")[2], text)
            for mark, text in BLOCK.findall(self.text)
        ]

    @property
    def commands(self) -> Iterator[list[str]]:
        """The words of every ``pinn-sweep`` command in its shell blocks, tried or not."""
        for block in SHELL.findall(self.text):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if "pinn-sweep" in words and "$" not in line:
                    yield words[words.index("pinn-sweep") + 1 :]

    def write_files(self, folder: Path) -> list[Path]:
        """Put its files into a folder; of one that is shown twice, the later version stays."""
        files = [(folder / block.name, block.text) for block in self.blocks if block.what == "file"]
        for file, text in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return list(dict.fromkeys(file for file, _ in files))

    def follow(self, folder: Path, *before: str) -> None:
        """Do in a folder what the page tells its reader to do, in order.

        ``before`` are words that every command is started with. Raises ``AssertionError`` for a
        command that fails, and for an output that is not what the page shows.
        """
        said = ""
        for block in self.blocks:
            if block.what == "file":
                file = folder / block.name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")
            elif block.what == "run":
                said = _run(block.text, folder, before)
            else:
                missing = list(unsaid(block.text, said))
                assert not missing, f"{self.path.name} shows {missing}; what was said:\n{said}"


def unsaid(shown: str, said: str) -> Iterator[str]:
    """Lines of a shown output that are not in what was said; numbers and widths may differ.

    Where a line has ``…``, something was left out.
    """
    heard = [_steady(line) for line in said.splitlines()]
    for line in shown.splitlines():
        parts = [re.escape(_steady(part)) for part in line.split("…")]
        if not any(re.search(".*".join(parts), each) for each in heard):
            yield line


def _steady(line: str) -> str:
    return VARIES.sub("#", line.strip())


def _run(commands: str, folder: Path, before: tuple[str, ...]) -> str:
    """What shell commands say, together; they stop at the first one that fails."""
    paths = (str(Path(sys.executable).parent), os.environ["PATH"])
    done = subprocess.run(
        [*before, "bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=os.environ
        | {"PATH": os.pathsep.join(paths), "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\nended with {done.returncode}:\n{done.stdout}"
    return done.stdout
