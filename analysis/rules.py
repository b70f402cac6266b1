"""How a study is read and what it should give: what a study file says, without what carries it out.

Reading these takes no pandas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from analysis.wording import number

Scale = Literal["ln", "relative", "absolute"]
SCALES: tuple[Scale, ...] = get_args(Scale)
Of = Literal["final", "best", "inside", "after"]
NARROWEST = 20
"""Steps on either side of a drop, below which straight lines have too few values."""
Where = dict[str, int | float | str | bool | None]


@dataclass(frozen=True)
class PlateauRule:
    """What counts as a plateau.

    `curve` is the trajectory column that is looked at, `spans` are those of the exponential moving
    averages, applied one after the other, in steps. A step is flat when the smoothed curve falls by
    at most `drop` over the next `window` steps: in natural logarithms (`ln`), as a fraction of its
    value at the step (`relative`), or in the curve's own unit (`absolute`).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    curve: str = "loss/regression"
    """The column that is looked at."""
    scale: Scale = "ln"
    """Whether a fall is in natural logarithms, in parts of the value, or in the curve's unit."""
    spans: tuple[int, ...] = (10, 20)
    """Spans of the moving averages, one after the other, in steps."""
    drop: float = 0.15
    """A step is flat if the smoothed curve falls by at most this over the window."""
    window: int = 20
    """Steps that the fall is taken over."""

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale must be one of {', '.join(SCALES)}, found {self.scale!r}")
        if any(span < 1 for span in self.spans):
            raise ValueError(f"spans must be >= 1, found {min(self.spans)}")
        if self.window < 1:
            raise ValueError(f"window must be >= 1, found {self.window}")
        if not self.drop > 0:
            raise ValueError(f"drop must be > 0, found {self.drop}")


@dataclass(frozen=True)
class WrongSolutionRule:
    """When a run has a low loss and a wrong solution.

    Its final loss is at most `loss` times that of its first row, its final relative L2 error above
    `error`.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    loss: float = 1e-3
    """The final loss is at most so many times that of the first row."""
    error: float = 0.5
    """And the final relative L2 error is above this."""

    def __post_init__(self) -> None:
        if not self.loss > 0:
            raise ValueError(f"loss must be > 0, found {self.loss}")
        if not self.error > 0:
            raise ValueError(f"error must be > 0, found {self.error}")

    def flags(self, first: float, last: float, error: float) -> bool:
        """Whether these are the losses and the error of a wrong solution; not where one is NaN."""
        return last <= self.loss * first and error > self.error


@dataclass(frozen=True, kw_only=True)
class ExplanationsRule:
    """Which columns are looked at for what moves before the plateau ends, and how far around it.

    Without `columns` they are those of the study's probes, with lengths and cosines of updates and
    gradients. `window` is how many steps are looked at on either side of the drop; None is the
    widest that nine runs in ten have. `remedies` are models with the model that each is compared
    with, for what it moves; without any all are compared with the study's baseline.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    columns: tuple[str, ...] = ()
    """The columns; empty are those of the probes with the usual ones."""
    window: int | None = None
    """Steps on either side of the drop; without it the widest that nine runs in ten have."""
    remedies: dict[str, str] = field(default_factory=dict)
    """Models with the model that each is compared with; empty compares all with the baseline."""

    def __post_init__(self) -> None:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"columns must differ, found {', '.join(self.columns)}")
        if self.window is not None and self.window < NARROWEST:
            raise ValueError(f"window must be >= {NARROWEST}, found {self.window}")
        for model, baseline in self.remedies.items():
            if baseline in self.remedies:
                raise ValueError(
                    f"remedies: {baseline} is a remedy itself, so {model} cannot be one of it"
                )


@dataclass(frozen=True, kw_only=True)
class TimesBelow:
    """Other runs of the study, and how many times smaller than theirs a number is to be."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str
    """The other model."""
    where: Where = field(default_factory=dict)
    """Values that the configurations of its runs have, by dotted key."""
    factor: float = 1.0
    """How many times smaller the number is to be."""

    def __post_init__(self) -> None:
        if not self.factor > 0:
            raise ValueError(f"factor must be > 0, found {self.factor}")


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What the median over seeds of a number should be: published, or a threshold.

    The number is a trajectory column of the runs of `model` whose configuration has the values of
    `where` (by dotted key): its `final` or `best` (smallest) value, or its mean `inside` or `after`
    the plateau. It should lie `within` a factor of the published `value` (± `spread`, shown only),
    or `above` and `below` a limit, or so many times below that of other runs.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    model: str
    """The model whose runs are looked at."""
    where: Where = field(default_factory=dict)
    """Values that the configurations of these runs have, by dotted key."""
    metric: str = "error/relative_l2"
    """The column."""
    of: Of = "final"
    """Its last value, its smallest one, or its mean inside or after the plateau."""
    value: float | None = None
    """The published number."""
    spread: float | None = None
    """Its published spread, which is shown only."""
    within: float = 2.0
    """The factor within which the published value is to be met."""
    above: float | None = None
    """What the number is to exceed."""
    below: float | None = None
    """What it is to stay below."""
    times_below: TimesBelow | None = None
    """Other runs that it is to be smaller than."""
    source: str = ""
    """Where the number is published."""

    def __post_init__(self) -> None:
        if self.of not in get_args(Of):
            raise ValueError(f"of must be one of {', '.join(get_args(Of))}, found {self.of!r}")
        limits = self.above is not None or self.below is not None
        if (self.value is not None) + limits + (self.times_below is not None) != 1:
            raise ValueError("needs one of value, above and below, times_below")
        if self.value is not None and not self.value > 0:
            raise ValueError(f"value must be > 0, found {self.value}")
        if self.spread is not None and (self.value is None or not self.spread >= 0):
            raise ValueError(f"spread must be >= 0 and beside a value, found {self.spread}")
        if not self.within > 1:
            raise ValueError(f"within must be > 1, found {self.within}")
        if self.above is not None and self.below is not None and not self.above < self.below:
            raise ValueError(f"above must be smaller than below, found {self.above}, {self.below}")

    def words(self) -> str:
        """What is expected, in words."""
        if self.value is not None:
            spread = "" if self.spread is None else f" ± {number(self.spread)}"
            return f"{number(self.value)}{spread}, within a factor {number(self.within)}"
        if self.times_below is not None:
            other, factor = self.times_below, self.times_below.factor
            times = "" if factor == 1 else f"at least {number(factor)} times "
            place = f" ({where_in_words(other.where)})" if other.where else ""
            return f"{times}below {other.model}{place}"
        limits = {"above": self.above, "below": self.below}
        return " and ".join(f"{word} {number(x)}" for word, x in limits.items() if x is not None)


def where_in_words(where: Mapping[str, object]) -> str:
    """`{"network.depth": 3}` as `network.depth=3`."""
    return ", ".join(f"{key}={'null' if value is None else value}" for key, value in where.items())
