"""What a search varies: dotted keys of a configuration, and the values that each may take."""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from decimal import Decimal
from math import prod
from typing import Any

from pydantic import ValidationError, model_validator

from sweeps.errors import closest
from sweeps.study.plain_yaml import Scalar
from sweeps.study.validation import Section, Wrong, first_error, shown

_WHICH_DATA = re.compile(r"data\.\d+\.(name|file|columns|content)\b")
"""Keys that say which observations there are: no search varies these."""
MAX_GRID = 100_000
"""How many points a grid, and how many values a range, may have at most."""


class Range(Section):
    """All numbers between two ends, both included."""

    low: int | float
    """Lower end; whole ends for whole numbers."""
    high: int | float
    """Upper end."""
    log: bool = False
    """Draw uniformly in the logarithm; needs low > 0."""
    step: int | float | None = None
    """Only low, low + step, ...; null: everything in between. A grid needs a step."""

    @model_validator(mode="after")
    def _ends_in_order(self) -> "Range":
        if not self.low < self.high:
            raise Wrong(("high",), f"must be above low, found {self.high} and {self.low}")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise Wrong(("step",), f"must be > 0 and at most high - low, found {self.step}")
        if self.step is not None and (self.high - self.low) / self.step >= MAX_GRID:
            raise Wrong(("step",), f"must leave at most {MAX_GRID} values, found {self.step}")
        if self.log and self.low <= 0:
            raise Wrong(("low",), f"must be > 0 where log is true, found {self.low}")
        if self.log and self.step is not None:
            raise Wrong(("step",), f"must be null where log is true, found {self.step}")
        return self


Choices = tuple[Scalar, ...]


def read_values(value: object) -> Choices | Range:
    """The values of one key: a list of them, or a range; raises ``Wrong``."""
    if isinstance(value, Mapping):
        try:
            return Range.model_validate(value)
        except ValidationError as error:
            raise first_error(error, value) from None
    if not isinstance(value, list):
        allowed = f"a list such as [{shown(value)}], or {{low: .., high: .., log: .., step: ..}}"
        raise Wrong((), f"found {shown(value)}, allowed: {allowed}")
    if not value:
        raise Wrong((), "found an empty list, allowed: at least one value")
    for position, choice in enumerate(value):
        if isinstance(choice, list | Mapping):
            raise Wrong((position,), f"found {shown(choice)}, allowed: a number, text, true, false")
    return tuple(value)


def resolved(values: Choices | Range, resolve: Callable[[Scalar], Any]) -> Choices | Range:
    """The values as the configuration holds them (``100`` for a float is ``100.0``).

    ``resolve`` validates one value and raises ``Wrong`` without keys.
    """

    def at(key: str | int, value: Scalar) -> Any:  # noqa: ANN401
        try:
            return resolve(value)
        except Wrong as error:
            raise Wrong((key,), error.message) from None

    if isinstance(values, Range):
        return _resolved_range(values, at("low", values.low), at("high", values.high))
    choices = tuple(at(position, choice) for position, choice in enumerate(values))
    for position, choice in enumerate(choices):
        if choice in choices[:position]:
            raise Wrong((position,), f"{shown(choice)} is listed twice")
    return choices


def _resolved_range(values: Range, low: float, high: float) -> Range:
    step = values.step
    if step is not None and isinstance(low, float):
        step = float(step)
    elif isinstance(step, float):
        raise Wrong(("step",), f"found {step}, allowed: a whole number")
    return values.model_copy(update={"low": low, "high": high, "step": step})


def grid_values(values: Choices | Range) -> Choices:
    """Every value, in order; raises ``Wrong`` for a range without a step."""
    return tuple(_stepped(values)) if isinstance(values, Range) else values


def _stepped(values: Range) -> Iterator[float]:
    if values.step is None:
        raise Wrong((), "a grid needs a list of values, or a range with a step")
    low, high, step = (Decimal(repr(end)) for end in (values.low, values.high, values.step))
    for index in range(int((high - low) / step) + 1):
        yield type(values.low)(low + index * step)


def grid_size(space: Mapping[str, Choices | Range]) -> int:
    """How many points the grid of a space has, without making them."""
    return prod(len(grid_values(values)) for values in space.values())


def keys_of(plain: Mapping[str, Any]) -> list[str]:
    """The dotted keys of a configuration's single values.

    >>> keys_of({"network": {"width": 64}, "phases": [{"steps": 10}]})
    ['network.width', 'phases.0.steps']
    """
    return [key for name, value in plain.items() for key in _keys_below(name, value)]


def _keys_below(key: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        items = [(str(name), below) for name, below in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(position), below) for position, below in enumerate(value)]
    else:
        yield key
        return
    for name, below in items:
        yield from _keys_below(f"{key}.{name}", below)


def check_key(key: str, plain: Mapping[str, Any]) -> None:
    """Raise ``Wrong`` unless the configuration has a single value under the dotted key."""
    known = [name for name in keys_of(plain) if not _WHICH_DATA.match(name)]
    if key in known:
        return
    part = key.partition(".")[0]
    inside = [name for name in known if name.startswith(f"{part}.")]
    allowed = ", ".join(inside or sorted({name.partition(".")[0] for name in known}))
    raise Wrong((), f"unknown key, allowed: {allowed}{closest(key, known)}")


def value_at(plain: Any, key: str) -> Any:  # noqa: ANN401
    """The value under a dotted key."""
    for name in key.split("."):
        plain = plain[int(name) if isinstance(plain, list) else name]
    return plain


def with_values(plain: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a configuration in which the dotted keys of ``point`` have its values."""
    changed = deepcopy(dict(plain))
    for key, value in point.items():
        parent, _, last = key.rpartition(".")
        inside: Any = value_at(changed, parent) if parent else changed
        inside[int(last) if isinstance(inside, list) else last] = value
    return changed
