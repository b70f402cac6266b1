"""The sections of docs/faq.md: what a message means and what to do, for the verb ``explain``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from sweeps.errors import StudyError, closest, excerpt

_TITLE = re.compile(r"^## (.+)\n", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


def topics() -> Mapping[str, str]:
    r"""The text of every section by its topic, which is its anchor in docs/faq.md, too.

    >>> topics()["other-plan"].partition("\n")[0]
    'Other plan'
    """
    _, *parts = _TITLE.split(_LINK.sub(r"\1", _text()))
    return {
        topic_of(title): f"{title}\n\n{text.strip()}"
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def explained(topic: str) -> str:
    """The section of a topic; raises ``StudyError`` with the topics that there are."""
    known = topics()
    if topic not in known:
        raise StudyError(
            f"explain {excerpt(topic)}: allowed are {', '.join(known)}{closest(topic, known)}"
        )
    return known[topic]


def topic_of(title: str) -> str:
    """The anchor of a heading of letters, digits and blanks.

    >>> topic_of("Disk full")
    'disk-full'
    """
    return title.strip().lower().replace(" ", "-")


def _text() -> str:
    """The page, which a wheel has inside this package and a checkout under ``docs``."""
    shipped = files("sweeps") / "faq.md"
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / "docs" / "faq.md").read_text(encoding="utf-8")
