"""Numbers at the ticks of logarithmic axes, so few that none runs into the next."""

from __future__ import annotations

from matplotlib.axis import Axis
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
    StrMethodFormatter,
)

LINEAR = 5  # ratio of an axis's ends, below which ticks are evenly spaced numbers
FINE = 30  # below which they are 1, 2 and 5 times powers of ten
COARSE = 100  # below which they are 1 and 3 times powers of ten; from it on powers alone


def few_numbers(axis: Axis) -> None:
    """Plain numbers at a few ticks of a logarithmic axis that spans less than two decades.

    A longer axis has powers of ten. Call it after the last thing is drawn: it goes by the axis's
    limits.
    """
    low, high = axis.get_view_interval()
    axis.set_minor_formatter(NullFormatter())
    if high >= COARSE * low:
        return
    if high < LINEAR * low:
        axis.set_major_locator(MaxNLocator(3))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < FINE * low else (1, 3)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
