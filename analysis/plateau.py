"""The plateau of a training curve, by the paper's procedure with every constant a parameter.

The curve is smoothed by exponential moving averages of span 10 and then 20; the plateau is the
first contiguous run of steps from which the smoothed curve falls by at most 0.15 over the next 20
steps (Pandya, Parpas, Lengyel). The paper does not say on which scale the fall is measured: the
natural logarithm is our default, `relative` and `absolute` are the other two readings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.rules import PlateauRule

SUMMARISED = ("loss/", "error/", "full/")
WORK, CONFLICT = "work/", "gradient/cosine"


@dataclass(frozen=True)
class Plateau:
    """The steps at which a curve stayed flat: `start`, ..., `start + length - 1`.

    A plateau that lasts to the end of the curve is `censored`: its length is a lower bound. No
    plateau at all is `start` None and `length` 0; a curve too short to be judged (not longer than
    the rule's window, a run that diverged at once) is that, and censored. A curve that left its
    first plateau may be flat `again` at the last step that can be judged: it converged, or it is on
    another plateau.
    """

    start: int | None
    length: int
    censored: bool
    again: bool = False

    @property
    def end(self) -> int | None:
        """The first step after the plateau; None where there is none or it was never left."""
        return None if self.start is None or self.censored else self.start + self.length


def every_step(curve: pd.Series[float]) -> pd.Series[float]:
    """The curve at every step from its first to its last finite value.

    Steps between two recorded values are interpolated linearly: an aid of the analysis, since a
    curve may be recorded at every k-th step only; nothing of it is ever written to a file.
    """
    values = curve.astype(float)
    recorded = values[np.isfinite(values.to_numpy())]
    if recorded.empty:
        return recorded
    first, last = recorded.index.to_numpy()[[0, -1]]
    steps = pd.RangeIndex(first, last + 1, name=curve.index.name)
    if len(recorded) == len(steps):
        return recorded.set_axis(steps)
    return recorded.reindex(steps).interpolate(method="index")


def smooth(values: pd.Series[float], spans: Sequence[int]) -> pd.Series[float]:
    """Exponential moving averages (pandas' `ewm(span).mean()`), one after the other."""
    for span in spans:
        values = values.ewm(span=span).mean()
    return values


def find_plateau(curve: pd.Series[float], rule: PlateauRule) -> Plateau:
    """The first plateau of a curve (index: step) under a rule.

    Values that are null or not finite count as not recorded, and so do zeros where the scale needs
    a logarithm or a quotient. Negative values there raise ValueError.
    """
    values = _judged(curve, rule)
    flat = _flat_steps(values, rule)
    if not flat.any():
        return Plateau(None, 0, censored=len(flat) == 0)
    begin = int(flat.argmax())
    since = flat[begin:]
    left = not since.all()
    length = int(since.argmin()) if left else len(since)
    start = int(values.index.to_numpy()[begin])
    return Plateau(start, length, censored=not left, again=left and bool(flat[-1]))


def smoothed(curve: pd.Series[float], rule: PlateauRule) -> pd.Series[float]:
    """The curve at every step as a rule sees it: smoothed on its scale, in the curve's unit.

    Raises ValueError as `find_plateau` does.
    """
    values = _judged(curve, rule)
    if rule.scale == "ln":
        return smooth(values.map(math.log), rule.spans).map(math.exp)
    return smooth(values, rule.spans)


def _judged(curve: pd.Series[float], rule: PlateauRule) -> pd.Series[float]:
    """The curve at every step, without the values that the scale cannot take."""
    return every_step(curve if rule.scale == "absolute" else _positive(curve, rule))


def _positive(curve: pd.Series[float], rule: PlateauRule) -> pd.Series[float]:
    negative = curve[curve < 0]
    if len(negative):
        raise ValueError(
            f"{rule.curve} is {negative.iloc[0]:g} at step {negative.index[0]}: scale "
            f"{rule.scale!r} needs positive values; use scale 'absolute' or another curve"
        )
    return curve[curve != 0]


def _flat_steps(values: pd.Series[float], rule: PlateauRule) -> npt.NDArray[np.bool_]:
    """Whether the smoothed curve falls by at most `drop` after each step that can be judged."""
    if rule.scale == "ln":
        values = values.map(math.log)
    looked_at = smooth(values, rule.spans).to_numpy()
    now, later = looked_at[: -rule.window], looked_at[rule.window :]
    fall = (now - later) / now if rule.scale == "relative" else now - later
    return np.asarray(fall <= rule.drop)


def plateau_of(trajectory: pd.DataFrame, rule: PlateauRule) -> Plateau:
    """The plateau of a trajectory's `rule.curve`; raises ValueError if it has no such column."""
    if rule.curve not in trajectory:
        known = ", ".join(sorted(trajectory.select_dtypes("number").columns))
        raise ValueError(f"plateau curve {rule.curve!r} was not recorded: columns are {known}")
    return find_plateau(trajectory[rule.curve], rule)


def level_left(trajectory: pd.DataFrame, rule: PlateauRule) -> float | None:
    """The smoothed curve a window after the plateau's end, where its fall has shown that it ended.

    In the curve's unit; None for a plateau that was never left and where there was none.
    """
    end = plateau_of(trajectory, rule).end
    if end is None:
        return None
    return float(smoothed(trajectory[rule.curve], rule).loc[end + rule.window])


def first_below(trajectory: pd.DataFrame, rule: PlateauRule, level: float) -> int | None:
    """The first step whose smoothed curve is at most `level`; None if there is none."""
    curve = smoothed(trajectory[rule.curve], rule)
    below = curve.index[curve <= level]
    return int(below[0]) if len(below) else None


def conflict_rate(trajectory: pd.DataFrame) -> float | None:
    """Share of the recorded steps at which the terms' gradients point apart: a cosine below 0.

    None where the cosine was not recorded.
    """
    if CONFLICT not in trajectory:
        return None
    recorded = trajectory[CONFLICT].astype(float).dropna()
    return float((recorded < 0).mean()) if len(recorded) else None


def summary_columns(columns: Sequence[str], rule: PlateauRule) -> list[str]:
    """Those of a trajectory's columns that `summary_metrics` reads.

    All of them where the rule's curve is missing, which `summary_metrics` then says.
    """
    if rule.curve not in columns:
        return list(columns)
    read = (*SUMMARISED, WORK)
    return [name for name in columns if name.startswith(read) or name in {rule.curve, CONFLICT}]


def summary_metrics(trajectory: pd.DataFrame, rule: PlateauRule) -> dict[str, float]:
    """The few numbers that stand for a run, as MLflow shows them.

    `final.<column>` is the last row's value and `lowest.<column>` the smallest one, of every loss
    and error; `plateau.start`, `plateau.length`, `plateau.censored` (0 or 1); `conflict.rate`;
    `final.work/...`, how much was evaluated and (a number) why the run had stopped, at its last row
    or where it diverged.
    What a run does not have (the final values of a diverged run, the start of no plateau) is left
    out.
    """
    names = [str(name) for name in trajectory if str(name).startswith(SUMMARISED)]
    errors = trajectory[names].to_numpy(dtype=float)
    errors = np.where(np.isfinite(errors), errors, np.nan)
    summary = _there("final", names, errors[-1]) | _there("lowest", names, np.fmin.reduce(errors))
    rate = conflict_rate(trajectory)
    if rate is not None:
        summary["conflict.rate"] = rate
    for name in (name for name in trajectory if str(name).startswith(WORK)):
        recorded = trajectory[name].dropna()
        if len(recorded):
            summary[f"final.{name}"] = float(recorded.iloc[-1])
    plateau = plateau_of(trajectory, rule)
    if plateau.start is not None:
        summary["plateau.start"] = float(plateau.start)
    summary["plateau.length"] = float(plateau.length)
    summary["plateau.censored"] = float(plateau.censored)
    return summary


def _there(of: str, names: Sequence[str], values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Those of the values that are numbers, by name."""
    found = zip(names, values.tolist(), strict=True)
    return {f"{of}.{name}": value for name, value in found if not math.isnan(value)}
