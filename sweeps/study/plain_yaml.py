"""A small, safe part of YAML that knows the line of every value.

Whatever acts is refused: tags, anchors and aliases, ``${...}``, duplicate keys, a second document.
Plain scalars follow YAML 1.2: ``null``, ``true``, ``false`` and decimal numbers (``1e-3`` is one);
anything else is text. Text that is not plainly words is written in quotes, so that it is read back.
"""

import math
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

from sweeps.errors import StudyError, excerpt, quoted

Scalar = str | int | float | bool | None
Value = Scalar | list["Value"] | dict[str, "Value"]
Keys = tuple[str | int, ...]
"""The way to a value: keys of mappings and positions in lists."""

MAX_CHARACTERS = 65_536
MAX_DEPTH = 16
LARGEST = 2**63 - 1
"""Of whole numbers: what computes with them has 64 bits for each."""
_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PLAIN = re.compile(r"[A-Za-z_]([\w ./-]*[\w./-])?", re.ASCII)
"""Text that needs no quotes, unless it is one of ``_WORDS``."""
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "true": True, "false": False}


def parse(text: str, source: str) -> tuple[Value, dict[Keys, int]]:
    """The value of a YAML text, and the line on which each value in it begins.

    Raises ``StudyError`` naming ``source`` and the line.

    >>> parse("rate: 1e-3", "study.yaml")
    ({'rate': 0.001}, {(): 1, ('rate',): 1})
    """
    if len(text) > MAX_CHARACTERS:
        raise StudyError(f"{source}: larger than {MAX_CHARACTERS} characters")
    try:
        return _Reader(text, source).document()
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = f"not valid YAML: {excerpt(error.problem)}"
        raise StudyError(f"{_place(text, source, line)}: {message}") from None
    except YAMLError as error:
        raise StudyError(
            f"{source}: not valid YAML: {excerpt(' '.join(str(error).split()))}"
        ) from None


def dump(value: Value) -> str:
    """The YAML text that ``parse`` reads as this value; numbers have to be finite.

    >>> print(dump({"mark": "?0", "rates": [1e-3, 2e-3]}), end="")
    mark: "?0"
    rates: [0.001, 0.002]
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = MAX_CHARACTERS  # ruamel would break a mapping between key and value
    text = StringIO()
    yaml.dump(value, text)
    return text.getvalue()


class _Representer(SafeRepresenter):
    """Quotes text that may not be read back as it is, and writes no anchors."""

    def represent_str(self, data: str) -> ScalarNode:
        """A text, in quotes unless it is plainly words."""
        plain = _PLAIN.fullmatch(data) and data.lower() not in _WORDS
        node: ScalarNode = self.represent_scalar(
            "tag:yaml.org,2002:str", data, style=None if plain else '"'
        )
        return node

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002
        """A list that stands in two places is written twice."""
        return True


_Representer.add_representer(str, _Representer.represent_str)


class _Reader:
    """Builds plain values from the parser's events, so that nothing else can ever be built."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.lines: dict[Keys, int] = {}
        self.events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)

    def document(self) -> tuple[Value, dict[Keys, int]]:
        next(self.events)  # the stream's start
        if isinstance(next(self.events), StreamEndEvent):
            raise StudyError(f"{self.source}: there is nothing in it")
        value = self._value(next(self.events), ())
        next(self.events)  # the document's end
        second = next(self.events)
        if not isinstance(second, StreamEndEvent):
            self._refuse(second, "a second document begins, only one is allowed")
        return value, self.lines

    def _value(self, event: Event, keys: Keys) -> Value:
        self._refuse_what_acts(event)
        if len(keys) > MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        self.lines.setdefault(keys, event.start_mark.line + 1)
        if isinstance(event, MappingStartEvent):
            return self._mapping(keys)
        if isinstance(event, SequenceStartEvent):
            return self._list(keys)
        return self._scalar(event)

    def _mapping(self, keys: Keys) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            self._refuse_what_acts(event)
            key = self._text(event)
            if key in found:
                first = self.lines[*keys, key]
                self._refuse(event, f"duplicate key {quoted(key)}, already on line {first}")
            self.lines[*keys, key] = event.start_mark.line + 1
            found[key] = self._value(next(self.events), (*keys, key))
        return found

    def _list(self, keys: Keys) -> list[Value]:
        found: list[Value] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            found.append(self._value(event, (*keys, len(found))))
        return found

    def _scalar(self, event: Event) -> Scalar:
        text = self._text(event)
        if isinstance(event, ScalarEvent) and not event.implicit[0]:  # in quotes
            return text
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if not _NUMBER.fullmatch(text):
            return text
        if len(text) > 30 or not math.isfinite(float(text)):
            self._refuse(event, f"the number {text[:40]} is too long or too large")
        if not _INTEGER.fullmatch(text):
            return float(text)
        if abs(int(text)) > LARGEST:
            self._refuse(event, f"the whole number {text} is too large, allowed: up to {LARGEST}")
        return int(text)

    def _text(self, event: Event) -> str:
        if not isinstance(event, ScalarEvent):
            self._refuse(event, "a list or mapping cannot be a key")
        text = str(event.value)
        if "${" in text:
            self._refuse(
                event, f"found {quoted(text)}: nothing is filled in here, write the value itself"
            )
        return text

    def _refuse_what_acts(self, event: Event) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            self._refuse(event, "anchors (&name) and aliases (*name) are not allowed")
        if tag := getattr(event, "tag", None):
            self._refuse(event, f"found the tag {quoted(tag)}: tags are not allowed")

    def _refuse(self, event: Event, message: str) -> NoReturn:
        place = _place(self.text, self.source, event.start_mark.line + 1)
        raise StudyError(f"{place}: {message}")


def _place(text: str, source: str, line: int) -> str:
    return f"{source}, line {line}" if "\n" in text else source
