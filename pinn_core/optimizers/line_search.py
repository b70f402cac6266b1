"""Line searches: how far to go along a direction, for several members at once.

A search is a generator that yields the step length to try and is sent the ``LinePoint`` there; it
returns the trial it accepts. ``together`` runs those of several members in lockstep, so that a pack
pays one evaluation a round and not one a member.
"""

from collections.abc import Generator, Sequence
from math import isnan, sqrt
from typing import NamedTuple

from jaxtyping import Float

from pinn_core.optimizers.optimizer import StepContext
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots


class LinePoint(NamedTuple):
    """A point of the line: step length, loss, slope along it, largest |entry| of the gradient."""

    length: float
    loss: float
    slope: float
    steepest: float


class Accepted(NamedTuple):
    """What a search returned, and the evaluations it took."""

    trial: LinePoint
    evaluations: int


Search = Generator[float, LinePoint, LinePoint]


def strong_wolfe(
    start: LinePoint,
    length: float,
    *,
    narrowest: float,
    most: int = 25,
    armijo: float = 1e-4,
    curvature: float = 0.9,
    slack: float = 0.0,
) -> Search:
    """A step that satisfies the strong Wolfe conditions; ``length`` is tried first.

    Nocedal and Wright 2006, algorithms 3.5 (``_bracket``) and 3.6 (the loop here), with the cubic
    interpolation and the safeguards of minFunc, as in torch.optim.LBFGS. Without satisfying them it
    ends where the bracket is shorter than ``narrowest`` or after ``most`` + 1 evaluations, with the
    lower end. As in torch a NaN is not higher than anything: the search goes ever further and at
    last accepts it. An infinite loss is higher, and is stepped back from.

    With a ``slack`` no loss counts as higher than another by less than ``slack`` of the first one
    (as in Hager and Zhang, SIAM J. Optim. 16, 2005): where losses fall by less than their rounding
    slopes still tell the way.
    """
    rounding = slack * abs(start.loss)

    def short(trial: LinePoint) -> bool:
        return trial.loss > start.loss + armijo * trial.length * start.slope + rounding

    def flat(trial: LinePoint) -> bool:
        return abs(trial.slope) <= -curvature * start.slope

    before, trial, tried = start, (yield length), 0
    while tried < most:  # walk until the end of a bracket is passed
        if short(trial) or (tried > 1 and trial.loss >= before.loss + rounding):
            break
        if flat(trial):
            return trial
        if trial.slope >= 0:
            break
        stretch = trial.length - before.length
        longer = _lowest(before, trial, trial.length + 0.01 * stretch, trial.length * 10, rounding)
        before, trial, tried = trial, (yield longer), tried + 1

    ends = [before if tried < most else start, trial]
    low = _lower(ends)
    timid = False  # whether the last trial was close to an end already
    while tried < most and abs(ends[1].length - ends[0].length) >= narrowest:
        between, timid = _inside(ends[0], ends[1], timid, rounding)
        trial, tried = (yield between), tried + 1
        if short(trial) or trial.loss >= ends[low].loss + rounding:
            ends[1 - low] = trial
            low = _lower(ends)
            continue
        if flat(trial):
            return trial
        if trial.slope * (ends[1 - low].length - ends[low].length) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = trial
    return ends[low]


def armijo(
    start: LinePoint,
    length: float,
    *,
    slope_fraction: float = 0.1,
    shrink: float = 0.5,
    most: int = 40,
) -> Search:
    """A step whose loss falls by ``slope_fraction`` of what the slope promises (Armijo 1966).

    ``length`` is tried first, and then ever ``shrink`` times the last (Nocedal and Wright 2006,
    algorithm 3.1); the defaults are those of Rathore et al. 2024. After ``most`` evaluations it
    ends where it began, with ``start``. What is not finite is stepped back from.
    """
    for _ in range(most):
        trial = yield length
        if trial.loss <= start.loss + slope_fraction * length * start.slope:
            return trial
        length *= shrink
    return start


def together(
    context: StepContext,
    members: Sequence[int],
    directions: Float[Tensor, "k p"],
    searches: Sequence[Search],
    backend: str = "auto",
) -> list[Accepted]:
    """Run a search for each of the named members from where it is, along its direction.

    Each round evaluates those still searching, once. Waits for the device.
    """
    origins = context.parameters[list(members)]
    accepted: dict[int, Accepted] = {}
    lengths = {place: next(search) for place, search in enumerate(searches)}
    rounds = 0
    while lengths:
        rounds += 1
        places = list(lengths)
        lines = origins[places], directions[places]
        names = [members[place] for place in places]
        trials = _evaluated(context, names, lines, list(lengths.values()), backend)
        for place, trial in zip(places, trials, strict=True):
            try:
                lengths[place] = searches[place].send(trial)
            except StopIteration as end:
                accepted[place] = Accepted(end.value, rounds)
                del lengths[place]
    return [accepted[place] for place in range(len(searches))]


def _evaluated(
    context: StepContext,
    members: Sequence[int],
    lines: tuple[Tensor, Tensor],
    lengths: Sequence[float],
    backend: str,
) -> list[LinePoint]:
    origins, directions = lines
    points = origins + directions * directions.new_tensor(lengths)[:, None]
    loss, gradient = context.evaluate(points, members)
    (slopes,) = dots([gradient], [directions], backend)
    steepest = gradient.abs().amax(1).double()
    numbers = torch.stack([loss.double(), slopes, steepest], dim=1).tolist()
    return [LinePoint(length, *row) for length, row in zip(lengths, numbers, strict=True)]


def _lower(ends: Sequence[LinePoint]) -> int:
    return 0 if ends[0].loss <= ends[1].loss else 1


def _inside(one: LinePoint, other: LinePoint, timid: bool, rounding: float) -> tuple[float, bool]:
    """A length inside the bracket, and whether it is close to an end.

    After two such in a row, or one at the very end, it is moved a tenth of the bracket inwards.
    """
    shortest, longest = sorted((one.length, other.length))
    length = _lowest(one, other, shortest, longest, rounding)
    margin = 0.1 * (longest - shortest)
    if min(longest - length, length - shortest) >= margin:
        return length, False
    if not timid and shortest < length < longest:
        return length, True
    nearer_longest = longest - length < length - shortest
    return (longest - margin if nearer_longest else shortest + margin), False


def _lowest(
    one: LinePoint, other: LinePoint, shortest: float, longest: float, rounding: float
) -> float:
    """Where the loss is expected to be lowest, kept within the bounds.

    By losses and slopes, or by slopes alone where the losses differ by no more than ``rounding``.
    """
    alike = rounding > 0 and abs(one.loss - other.loss) <= rounding
    if not alike:
        return _cubic(one, other, shortest, longest)
    width, rise = other.length - one.length, other.slope - one.slope
    if not rise * width > 0:  # the slope does not rise: as far as may be
        return longest
    return min(max(one.length - one.slope * width / rise, shortest), longest)


def _cubic(one: LinePoint, other: LinePoint, shortest: float, longest: float) -> float:
    """Where the cubic through losses and slopes of two trials is lowest, kept within the bounds.

    Nocedal and Wright 2006, equation 3.59; the middle of the bounds where there is no such place.
    """
    one, other = sorted((one, other), key=lambda trial: trial.length)
    width = other.length - one.length
    if width == 0:
        return (shortest + longest) / 2
    d1 = one.slope + other.slope - 3 * (one.loss - other.loss) / -width
    square = d1 * d1 - one.slope * other.slope
    d2 = sqrt(square) if square >= 0 else float("nan")
    spread = other.slope - one.slope + 2 * d2
    lowest = other.length - width * ((other.slope + d2 - d1) / (spread or float("nan")))
    return (shortest + longest) / 2 if isnan(lowest) else min(max(lowest, shortest), longest)
