"""How well a column's value at the plateau's beginning foretells when the plateau ends.

Of two runs of one model that one is foretold to leave later whose value is larger, or smaller:
which of both is learnt from other seeds. The *concordance* is the share of pairs of runs that are
in the foretold order (Harrell et al. 1982), 0.5 by chance. A pair counts where it is known which
run left first: not where both never left, or where one ended before the other left. Nothing else is
fitted, so that columns are judged one at a time and alike, the loss among them.

The order of a pair is learnt from all pairs of runs of all models that have neither of its two
seeds, since runs of one seed begin alike; or, over problems, from all models of other problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.estimates import Interval
from analysis.explanations.change import Values
from analysis.explanations.recorded import numbers
from analysis.load import StudyData
from analysis.plateau import plateau_of
from analysis.rules import PlateauRule

FEWEST = 10
"""Seeds below which no concordance is given."""
CHANCE = 0.5
DRAWS = 1_000
CHUNK = 50  # draws that are looked at together
PROBLEM = "problem.kind"
ABOUT = ("model", "seed", "problem", "start", "end", "left")
"""What the table of `beginnings` says of a run beside its columns."""


@dataclass(frozen=True)
class Foretold:
    """A column's concordance, its 95 % interval, and that of its difference to the loss's.

    `direction` is 1 where larger values go with later ends in all pairs together, else -1. `pairs`
    counts those that could be compared. `elsewhere` is the concordance with the order learnt from
    other problems; None where there is but one.
    """

    column: str
    seeds: int
    pairs: int
    direction: int
    concordance: float
    interval: Interval | None
    against_loss: float | None = None
    against_interval: Interval | None = None
    elsewhere: float | None = None

    @property
    def foretells(self) -> bool:
        """Whether the concordance is above chance, by its interval."""
        return self.interval is not None and self.interval[0] > CHANCE


def beginnings(
    data: StudyData, rule: PlateauRule, runs: Sequence[str], columns: Iterable[str]
) -> pd.DataFrame:
    """What the runs were like at their plateau's beginning, and when it ended.

    Index: run id. Columns: those of ABOUT (`end` is the first step after the plateau, or after the
    last one known on it; `left` tells which), and the median of every column over the rule's window
    from the plateau's first step on, or its first value after that where it has none in the window.
    Runs without a plateau are absent, and so are those that had left it before the last of these
    values.
    """
    wanted = [rule.curve, *(name for name in columns if name != rule.curve)]
    found: dict[str, dict[str, object]] = {}
    for run in runs:
        trajectory = data.trajectory(run)
        plateau = plateau_of(trajectory, rule)
        if plateau.start is None:
            continue
        rows = numbers(trajectory, wanted).loc[plateau.start :]
        first = {name: _first(rows[name], plateau.start + rule.window) for name in rows}
        end = plateau.start + plateau.length
        if max(step for step, _ in first.values()) >= end:
            continue
        about = data.runs.loc[run]
        found[run] = {
            "model": about["model"],
            "seed": about["seed"],
            "problem": about.get(PROBLEM, ""),
            "start": plateau.start,
            "end": float(end),
            "left": plateau.end is not None,
            **{str(name): value for name, (_, value) in first.items()},
        }
    return pd.DataFrame.from_dict(found, orient="index")


def _first(values: pd.Series[float], until: int) -> tuple[int, float]:
    """The last step that is looked at, and the value."""
    known = values.dropna()
    if known.empty:
        return -1, np.nan
    inside = known.loc[: until - 1]
    chosen = known.iloc[:1] if inside.empty else inside
    return int(chosen.index[-1]), float(chosen.median())


def foretold(table: pd.DataFrame, loss: str, columns: Sequence[str]) -> list[Foretold]:
    """Every column's concordance (the loss's first), from the table of `beginnings`."""
    seeds = np.unique(table["seed"]) if len(table) else np.zeros(0)
    draws = _draws(len(seeds))
    by_column = {name: _Pairs.of(table, name, seeds) for name in dict.fromkeys([loss, *columns])}
    base = by_column[loss].concordances(draws)
    found = []
    for name, pairs in by_column.items():
        drawn = pairs.concordances(draws)
        own = drawn[0]
        shown = pairs.seeds >= FEWEST and np.isfinite(own)
        apart = drawn - base
        found.append(
            Foretold(
                column=name,
                seeds=pairs.seeds,
                pairs=pairs.count,
                direction=pairs.direction,
                concordance=float(own) if shown else np.nan,
                interval=_middle(drawn[1:]) if shown else None,
                against_loss=float(apart[0]) if shown and name != loss else None,
                against_interval=_middle(apart[1:]) if shown and name != loss else None,
                elsewhere=pairs.elsewhere if shown else None,
            )
        )
    return found


@dataclass(frozen=True)
class _Pairs:
    """Pairs of seeds, summed over models: 1 where the larger value left later, -1 the other way.

    `order` and `known` are (problems, seeds, seeds), symmetric: the sums of orders, and of pairs
    that could be compared. A tie of values counts as known, with order 0.
    """

    order: Values
    known: Values

    @classmethod
    def of(cls, table: pd.DataFrame, column: str, seeds: npt.NDArray[np.float64]) -> _Pairs:
        problems = list(dict.fromkeys(table["problem"])) if len(table) else []
        order = np.zeros((len(problems), len(seeds), len(seeds)))
        known = np.zeros_like(order)
        if column in table:
            whole = table[table[column].notna()]
            for (problem, _), of_model in whole.groupby(["problem", "model"], sort=False):
                at = np.searchsorted(seeds, of_model["seed"].to_numpy())
                signs, compared = _orders(of_model, column)
                place = np.ix_(at, at)
                order[problems.index(problem)][place] += signs
                known[problems.index(problem)][place] += compared
        return cls(order, known)

    @property
    def seeds(self) -> int:
        """How many seeds are in a pair."""
        return int((self.known.sum(axis=(0, 2)) > 0).sum())

    @property
    def count(self) -> int:
        """How many pairs could be compared."""
        return int(self.known.sum() / 2)

    @property
    def direction(self) -> int:
        """1 where most larger values left later, else -1."""
        return 1 if self.order.sum() >= 0 else -1

    @property
    def elsewhere(self) -> float | None:
        """The concordance with the order of each problem learnt from the others."""
        if len(self.order) < 2:
            return None
        of_problem = self.order.sum(axis=(1, 2))
        right = float((np.sign(of_problem.sum() - of_problem) * of_problem).sum())
        return 0.5 + right / (2 * float(self.known.sum())) if self.known.sum() else None

    def concordances(self, draws: npt.NDArray[np.float64]) -> Values:
        """Of every draw of seeds (how often each is in it) the concordance, seeds left out in turn.

        A seed and its own copies make no pair.
        """
        order, known = self.order.sum(axis=0), self.known.sum(axis=0)
        return np.concatenate(
            [
                _concordances(draws[at : at + CHUNK], order, known)
                for at in range(0, len(draws), CHUNK)
            ]
        )


def _concordances(draws: Values, order: Values, known: Values) -> Values:
    """Of each draw; a pair is put in the order that all pairs without its seeds have together."""
    weights = draws[:, :, None] * draws[:, None, :]
    own = weights * order
    of_seed = own.sum(axis=2)
    total = of_seed.sum(axis=1)[:, None, None]
    others = total - 2 * of_seed[:, :, None] - 2 * of_seed[:, None, :] + 2 * own
    right = (np.sign(others) * own).sum(axis=(1, 2))
    compared = (weights * known).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(0.5 + right / (2 * compared))


def _orders(runs: pd.DataFrame, column: str) -> tuple[Values, Values]:
    """Of every two runs whether the larger value left later (1, -1, 0 a tie), and what is known."""
    values, ends = (runs[name].to_numpy(dtype=float) for name in (column, "end"))
    left = runs["left"].to_numpy(dtype=bool)
    first = left[:, None] & (
        (ends[:, None] < ends[None, :]) | ((ends[:, None] == ends[None, :]) & ~left[None, :])
    )
    later = np.sign(values[None, :] - values[:, None])
    signs = np.where(first, later, 0.0)
    return signs + signs.T, (first | first.T).astype(float)


def _draws(seeds: int) -> Values:
    """How often each seed is in a draw: once in the first, then as a bootstrap draws them."""
    if not seeds:
        return np.ones((1, 0))
    drawn = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS)
    return np.vstack([np.ones((1, seeds)), drawn])


def _middle(drawn: Values) -> Interval | None:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
