"""One hyperparameter as an axis: its values, or the parts that a range is cut into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import ceil, isqrt
from typing import Any

import numpy as np
import pandas as pd

from analysis.wording import NONE, number

VALUES = 8  # different numbers; with more of them a hyperparameter counts as a range
WIDE = 5.0  # largest number over the smallest, from where on an axis is logarithmic
SMALL = 0.01  # numbers below it are written with an exponent
PARTS = 5  # of a range, at most


@dataclass(frozen=True)
class Axis:
    """A varied key; `numbers` are its runs' values, of a list of values their places in `levels`.

    `levels` are the values that occur, in order; empty for a range. `log` tells that the numbers
    are to be seen on a logarithmic scale.
    """

    key: str
    numbers: pd.Series[float]
    levels: tuple[Any, ...] = ()
    log: bool = False

    @property
    def is_range(self) -> bool:
        """Whether the key took so many numbers that they are looked at in parts."""
        return not self.levels

    def cut(self, most: int = PARTS) -> tuple[pd.Series[int], list[str]]:
        """Every run's level, and what the levels are called.

        A range is cut into parts of about equally many runs: at most `most`, and fewer of few runs.
        """
        if self.levels:
            return self.numbers.astype(int), [value_in_words(value) for value in self.levels]
        parts = max(2, min(most, isqrt(ceil(len(self.numbers) / 2)) - 1))
        inner = np.unique(self.numbers.quantile(np.arange(1, parts) / parts, interpolation="lower"))
        part = pd.Series(np.searchsorted(inner, self.numbers, side="left"), self.numbers.index)
        known = sorted(part.unique())
        words = [_span(self.numbers[part == level]) for level in known]
        return part.map({level: place for place, level in enumerate(known)}).astype(int), words


def _span(values: pd.Series[float]) -> str:
    low, high = value_in_words(float(values.min())), value_in_words(float(values.max()))
    return low if low == high else f"{low} to {high}"


def by_length_of_names(one: Axis, other: Axis) -> tuple[Axis, Axis]:
    """Two axes, first the one with the longer names of levels: there is room for it upwards."""
    longer = [max(map(len, axis.cut()[1])) for axis in (one, other)]
    return (one, other) if longer[0] >= longer[1] else (other, one)


def axis_of(key: str, values: pd.Series[Any]) -> Axis:
    """The axis of a column of a table of runs.

    Numbers are a range where more than VALUES of them occur, whether they were drawn from a range
    or listed; everything else is a list of values, numbers in their order and before text.
    """
    if values.map(_is_number).all() and values.nunique() > VALUES:
        numbers = values.astype(float)
        log = bool(numbers.min() > 0 and numbers.max() >= WIDE * numbers.min())
        return Axis(key, numbers, log=log)
    plain = values.map(_plain)
    levels = tuple(sorted(set(plain), key=_order))
    places = {value: float(place) for place, value in enumerate(levels)}
    return Axis(key, pd.Series([places[value] for value in plain], values.index), levels)


def _is_number(value: object) -> bool:
    """Whether it is one that has a place on an axis."""
    if not isinstance(value, int | float | np.number) or isinstance(value, bool | np.bool_):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floating point numbers
        return False


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A value of a configuration without its wrapping; None for what is not there."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _order(value: Any) -> tuple[int, float, str]:  # noqa: ANN401
    return (0, float(value), "") if _is_number(value) else (1, 0.0, str(value))


def value_in_words(value: object) -> str:
    """A value as a label: numbers to three digits, small ones as 1e-4; truth as in YAML."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and 0 < abs(value) < SMALL:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return number(value) if isinstance(value, int | float) else str(value)
