"""Markdown made of docstrings and of rows."""

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

_CODE = re.compile(r"``(.+?)``|`([^`\n]+)`", re.DOTALL)
_SPECIAL = re.compile(r"([\\*_<>\[\]$|~#])")


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it as it is; words between back quotes become code."""
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_SPECIAL.sub(r"\\\1", text[end : code.start()])]
        parts += [f"`{' '.join((code[1] or code[2]).split())}`"]
        end = code.end()
    return "".join([*parts, _SPECIAL.sub(r"\\\1", text[end:])])


def paragraphs(docstring: str | None) -> list[str]:
    """The paragraphs of a docstring as Markdown; indented ones and examples are code."""
    return list(_paragraphs(inspect.cleandoc(docstring or "")))


def _paragraphs(text: str) -> Iterator[str]:
    code: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        example = block.lstrip().startswith((">>>", "..."))
        if example or block.startswith("    "):
            code.append(textwrap.dedent(block))
            continue
        yield from _fenced(code)
        code = []
        prose, formula = _split(block)
        yield escaped(prose)
        yield from _fenced([formula] if formula else [])
    yield from _fenced(code)


def _split(block: str) -> tuple[str, str]:
    """A paragraph, and the indented lines that follow it without an empty one."""
    lines = block.splitlines()
    ends = next((i for i, line in enumerate(lines) if line.startswith("    ")), len(lines))
    return "\n".join(lines[:ends]), textwrap.dedent("\n".join(lines[ends:]))


def _fenced(blocks: Sequence[str]) -> Iterator[str]:
    if blocks:
        language = "pycon" if blocks[0].startswith(">>>") else "text"
        yield fence("\n\n".join(blocks), language)


def fence(text: str, language: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    """On one line; a bar within code must not end the cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def code(text: object) -> str:
    """Words as code."""
    return f"`{text}`"


def page(*blocks: str) -> str:
    """A page of such blocks."""
    return "\n\n".join(block for block in blocks if block) + "\n"
