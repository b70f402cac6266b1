"""What a run is judged by: one number of its trajectory, or a bound where it was not reached.

Reading such a metric takes no pandas; working it out does, except for a column's last value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from analysis.rules import PlateauRule

if TYPE_CHECKING:
    import pandas as pd

FINAL, BEST = "final", "best"
TIMES = ("steps_to", "evaluations_to", "seconds_to")
PLATEAUS = ("plateau/length", "plateau/end")
COLUMNS = {
    "evaluations_to": ("work/evaluations", "work/products"),
    "seconds_to": ("time/step_seconds",),
}
"""What the kinds take of a trajectory besides the column."""

FAR = 1e9
"""Evaluations or seconds beyond those of any run: their scale differs from run to run."""

Direction = Literal["minimize", "maximize"]
FORMS = (
    "a column for its last value",
    f"{BEST}(COLUMN)",
    *(f"{kind}(COLUMN, LEVEL)" for kind in (*TIMES, *PLATEAUS)),
)
"""How a metric is written."""

_CALL = re.compile(r"(?P<kind>[\w/]+)\s*\(\s*(?P<column>[^(),\s]+)\s*(?:,\s*(?P<level>[^(),]+))?\)")


class Unreached(NamedTuple):
    """A number of which only a lower bound is known: the run ended before its level was reached.

    ``score`` stands for it where runs are ranked: above the numbers of all runs of the same length
    that reached the level, and the higher, the farther the column still was from it.
    """

    at_least: float
    score: float


Reached: TypeAlias = float | Unreached | None
"""The number; its lower bound; or None for a run that has neither, such as one that diverged."""


@dataclass(frozen=True)
class Metric:
    """One number of a trajectory.

    `kind` is `final` (the column's last value), `best` (its smallest finite value, or its largest
    where large ones are good), `steps_to`, `evaluations_to` or `seconds_to` (until the column is
    first at most `level`; seconds without the first step's, which includes the set-up),
    `plateau/length` or `plateau/end` (in steps, the end counted from step 0). Of a plateau counts
    what lies before the step at which the column reaches the level; 0 for a run that gets there
    without one. A run that never gets there has a lower bound alone.

    `rule` says what counts as a plateau, `maximize` whether large numbers are good.

    >>> metric = Metric.read("steps_to(loss/regression,0.1)")
    >>> metric.kind, metric.column, metric.level
    ('steps_to', 'loss/regression', 0.1)
    >>> print(metric)
    steps_to(loss/regression, 0.1)
    """

    kind: str
    column: str
    level: float = 0.0
    rule: PlateauRule = field(default_factory=PlateauRule)
    maximize: bool = False

    @classmethod
    def read(
        cls, text: str, rule: PlateauRule | None = None, direction: Direction = "minimize"
    ) -> Metric:
        """From its words in a study file; raises ValueError with the forms that are allowed."""
        rule = rule or PlateauRule()
        maximize = direction == "maximize"
        call = _CALL.fullmatch(text.strip())
        if call is None and "(" not in text and text not in (*TIMES, *PLATEAUS, BEST):
            return cls(FINAL, text, rule=rule, maximize=maximize)
        kind, level = (call["kind"], call["level"]) if call else ("", None)
        if call and kind == BEST and level is None:
            return cls(BEST, call["column"], rule=rule, maximize=maximize)
        if not call or kind not in (*TIMES, *PLATEAUS) or level is None:
            raise ValueError(f"found {text!r}, allowed: {', '.join(FORMS)}")
        if maximize:
            raise ValueError(f"found {text!r}, which is good where it is small: 'minimize' it")
        return cls(kind, call["column"], _level(text, level), rule)

    def __str__(self) -> str:
        if self.kind == FINAL:
            return self.column
        return f"{self.kind}({self.column}{f', {self.level:g}' if self.counts else ''})"

    @property
    def heading(self) -> str:
        """What its numbers are called in a table."""
        return f"final {self}" if self.kind == FINAL else str(self)

    @property
    def counts(self) -> bool:
        """Whether it counts steps, evaluations or seconds, which are good where they are few."""
        return self.kind not in (FINAL, BEST)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a trajectory that it needs, and those that it takes where they are."""
        further = (self.rule.curve,) if self.kind in PLATEAUS else COLUMNS.get(self.kind, ())
        return tuple(dict.fromkeys((self.column, *further)))

    def of(self, trajectory: pd.DataFrame) -> Reached:
        """The number of a run that did not diverge; `trajectory` has the index `step`.

        None where the column has no finite value, or no last one. Raises KeyError without the
        column, or one that the kind needs.
        """
        curve = trajectory[self.column].astype(float)
        last = int(curve.index[-1])
        curve = curve[curve.abs() < math.inf]
        if curve.empty:
            return None
        if self.kind == FINAL:
            return float(curve.iloc[-1]) if curve.index[-1] == last else None
        if self.kind == BEST:
            return float(curve.max() if self.maximize else curve.min())
        below = curve.index[curve <= self.level]
        if len(below):
            return self._until(trajectory, int(below[0]))
        left = math.log(float(curve.iloc[-1]) / self.level)
        behind = FAR if self.kind in COLUMNS else last
        return Unreached(self._until(trajectory, last), behind * (1 + left / (1 + left)))

    def rank(self, reached: Reached) -> float:
        """The number by which runs are ranked, small ones being good; infinite where there is none.

        >>> Metric("steps_to", "loss/total", 0.1).rank(Unreached(1000.0, 1500.0))
        1500.0
        """
        if reached is None:
            return math.inf
        value = reached.score if isinstance(reached, Unreached) else reached
        return -value if self.maximize else value

    def median(self, reached: Sequence[Reached]) -> Reached:
        """The median over runs, at least one; one that has no number counts as the worst.

        Of two in the middle their mean, or the worse one unless both are numbers.

        >>> Metric("final", "loss/total").median([3.0, None, 1.0, 2.0])
        2.5
        """
        ranked = sorted(reached, key=self.rank)
        low, high = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
        if isinstance(low, float) and isinstance(high, float):
            return (low + high) / 2
        return high

    def _until(self, trajectory: pd.DataFrame, step: int) -> float:
        """What it counts, as far as a step."""
        from analysis.spent import spent

        if self.kind in PLATEAUS:
            return self._plateau(trajectory, step)
        return spent(trajectory, step)[self.kind.removesuffix("_to")]

    def _plateau(self, trajectory: pd.DataFrame, until: int) -> float:
        """The plateau's length or end, no later than a step."""
        from analysis.plateau import plateau_of

        plateau = plateau_of(trajectory, self.rule)
        if plateau.start is None or plateau.start >= until:
            return 0.0
        end = until if plateau.end is None else min(plateau.end, until)
        return float(end - plateau.start if self.kind == "plateau/length" else end)


def _level(text: str, level: str) -> float:
    try:
        found = float(level)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise ValueError(f"found {text!r}, allowed: a level that is a number > 0")
    return found
