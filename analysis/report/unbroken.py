"""Sentences whose numbers stay in one line, with their spread and their interval."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

NUMBER = re.compile(
    r"((?:p )?(?:[≥≤<=] )?\d[\w.+-]*(?: ± \d[\w.+-]*)?(?: \[[^\[\]]{1,30}\])?|\[[^\[\]]{1,30}\])"
)


def unbroken(sentence: str) -> Markup:
    """The sentence as HTML.

    >>> unbroken("a & 237 ± 26 [220, 250]")
    Markup('a &amp; <span class="number">237 ± 26 [220, 250]</span>')
    """
    parts = NUMBER.split(sentence)  # text and numbers by turns
    return Markup("").join(
        Markup('<span class="number">{}</span>').format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )
