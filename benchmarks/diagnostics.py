"""What recording costs: a step with its record against a bare step of the same training.

Bare is a record with every cadence 0 and two watched points: updates are still measured, since that
is part of Adam's pass. Rows: model, batch, depth, width, pack, record, ms_step, ms_bare, ratio,
products; tanh, one thread, times per run. ``batch`` is points, or those of a full batch.
``products`` is the ratio that would remain if a step were nothing but the matrix products between
hidden layers, all at one speed.
"""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.command import Measured, Result, Row, main, say
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots
from benchmarks.targets import Target
from benchmarks.timing import interleaved
from benchmarks.training import WARM_UP, pack_of, step_seconds
from pinn_core import Adam, Configuration, Heat, Mlp, Pinn, Record, Regression
from pinn_core.engine.operators import Channels
from pinn_core.objectives import Objective

BARE = Record(points=2, gradients_every=0, gradient_points=1, full_every=0, sketch_every=0)
DEFAULT = "default"
OTHERS = {
    DEFAULT: Record(),
    "gradients_every 1": Record(gradients_every=1),
    "gradients_every 10": Record(gradients_every=10),
    "gradients_every 100": Record(gradients_every=100),
    "gradients_every 0": Record(gradients_every=0),
    "full_every 0": Record(full_every=0),
    "full_every 10": Record(full_every=10),
    "points 256": Record(points=256),
    "points 4096": Record(points=4096),
    "sketch_every 0": Record(sketch_every=0),
    "sketch_every 1": Record(sketch_every=1),
}
WIDTHS = (32, 64, 128, 256)
WIDTH_OF_OTHERS = 64
"""The width at which all cadences are measured, not the default alone."""
FORWARD, BOTH_WAYS = 1, 3
"""A product on the way forward has two on the way back: by the inputs and by the weights."""
FIRST_DEPTH = 4
"""Hidden layers of all rows of before there was a column for them."""
SMALL_PACKS = (12, 48)
"""Packs of the smallest network, whose recording is to cost little."""


@dataclass(frozen=True)
class Kind:
    """A training: its objective and points, how many steps of it are timed and how often.

    Without ``packs``, mini-batch runs up to ``WIDTH_OF_OTHERS`` train in packs of 6, others alone.
    """

    model: str
    batch: str
    objective: Objective
    problem: Heat
    steps: int = 100
    rounds: int = 3
    depth: int = FIRST_DEPTH
    widths: tuple[int, ...] = WIDTHS
    packs: tuple[int, ...] = ()

    @property
    def mini_batch(self) -> bool:
        """Whether a step is so small that runs are packed."""
        return self.objective.batch != "full"

    def packs_at(self, width: int) -> tuple[int, ...]:
        """How many runs train together."""
        return self.packs or (6 if self.mini_batch and width <= WIDTH_OF_OTHERS else 1,)

    def configuration(self, width: int, record: Record) -> Configuration:
        """The training of one width with one record."""
        return Configuration(
            problem=self.problem,
            network=Mlp(width=width, depth=self.depth, activation="tanh"),
            objective=self.objective,
            phases=(Adam(steps=WARM_UP + self.steps),),
            record=record,
        )

    def products(self, record: Record) -> float:
        """What ``products`` in a row says of a record; in the ratio width and depth cancel."""
        grid, interior_points = self.problem.grid(), self.problem.interior_points
        inside, outside = len(grid.interior.coordinates), len(grid.supervised.coordinates)
        trained = inside if isinstance(interior_points, str) else interior_points
        channels = Channels(self.problem.operators, grid.interior.coordinates.shape[1]).count

        def products(interior: int, others: float, passes: int, every: int = 1) -> float:
            return passes * (channels * interior + others) / every if every else 0.0

        recorded = products(record.held_out_points, 0, FORWARD, record.held_out_every)
        if trained < inside or self.mini_batch:
            recorded += products(inside, outside, FORWARD, record.full_every)
        if not self.mini_batch:
            return 1 + recorded / products(trained, outside, BOTH_WAYS)
        recorded += products(0, record.points, FORWARD)
        recorded += products(record.gradient_points, outside, BOTH_WAYS, record.gradients_every)
        batch = int(self.objective.batch)
        own = round(batch * inside / (inside + outside)) if self.objective.solves else 0
        return 1 + recorded / products(own, batch - own, BOTH_WAYS)


KINDS = (
    Kind("regression", "512", Regression(batch=512), Heat()),
    Kind("PINN", "512", Pinn(batch=512), Heat()),
    Kind(
        *("PINN", "131 + 29", Pinn(batch=160), Heat()),
        steps=200,
        depth=2,
        widths=(32,),
        packs=SMALL_PACKS,
    ),
    Kind("PINN", "full, 1800 + 3176", Pinn(), Heat(interior_points=1800)),
    # Whatever is due now and then comes free from this batch, but for the sketch every 20 steps.
    Kind("PINN", "full, 14400 + 3176", Pinn(), Heat(), steps=20, rounds=2),
)


def measure(quick: bool) -> Measured:
    """Rows of every kind and width at the default record, and of every record at one width."""
    if quick:
        few = {name: OTHERS[name] for name in (DEFAULT, "gradients_every 1")}
        kinds = [replace(kind, rounds=1) for kind in KINDS if kind.mini_batch]
        return [row for kind in kinds for row in _rows(kind, 32, few)]
    default = {DEFAULT: OTHERS[DEFAULT]}
    return [
        row
        for kind in KINDS
        for width in kind.widths
        for row in _rows(kind, width, OTHERS if width == WIDTH_OF_OTHERS else default)
    ]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    return f"""\
Milliseconds per step and run on one thread, with a record and bare. The default record is
{", ".join(f"{name} {value}" for name, value in asdict(Record()).items())};
each row below it changes one of these. The column products is the ratio that would remain if a step
were nothing but its matrix products between hidden layers, all at one speed. Activations are not
among them: a network is evaluated at {Record().points} points for the values of every step, and in
a small batch it is trained on fewer.

{markdown_table([_complete(row) for row in result["rows"]])}"""


def _complete(row: Row) -> Row:
    """A row with its depth beside its width, which the first rows did not name."""
    first = {"model": row["model"], "batch": row["batch"], "depth": row.get("depth", FIRST_DEPTH)}
    return {**first, **row}


def targets(result: Result) -> list[Target]:
    """The highest ratios at the default record: of the smallest network, and over all widths."""
    default = [row for row in result["rows"] if row["record"] == DEFAULT]
    small = [row["ratio"] for row in default if row.get("depth", FIRST_DEPTH) == 2]
    full = [row["ratio"] for row in default if row["batch"].startswith("full")]
    packs = " and ".join(map(str, SMALL_PACKS))
    return [
        Target(
            f"recording, small mini-batch PINN in packs of {packs}",
            1.6,
            max(small, default=None),
            at_least=False,
        ),
        Target("recording, full-batch PINN run", 1.1, max(full, default=None), at_least=False),
    ]


def figure(result: Result, file: Path) -> None:
    """Left: the default's cost over the width. Right: the cost of every record at one width."""
    rows = result["rows"]
    kinds = list(dict.fromkeys((row["model"], row["batch"]) for row in rows))
    records = list(dict.fromkeys(row["record"] for row in rows))
    with subplots(2, height=4.2) as (canvas, (left, right)):
        for place, kind in enumerate(kinds):
            own = [row for row in rows if (row["model"], row["batch"]) == kind]
            default = [row for row in own if row["record"] == DEFAULT]
            others = [row for row in own if row["width"] == WIDTH_OF_OTHERS]
            style: dict[str, Any] = {"color": PALETTE[place + 2], "marker": "o", "markersize": 4}
            left.plot(
                [row["width"] for row in default],
                [row["ratio"] for row in default],
                label=f"{kind[0]}, batch {kind[1]}",
                **style,
            )
            right.plot(
                [row["ratio"] for row in others],
                [records.index(row["record"]) for row in others],
                linestyle="",
                **style,
            )
        left.set(
            xscale="log", xlabel="width", ylabel="step with record / bare step", ylim=(0, None)
        )
        left.set_xticks(WIDTHS, [str(width) for width in WIDTHS])
        left.minorticks_off()
        left.set_title("default record")
        right.set_xlabel("step with record / bare step")
        plain_log(right, "x")
        right.set_yticks(range(len(records)), records)
        right.invert_yaxis()
        right.set_title(f"width {WIDTH_OF_OTHERS}")
        canvas.legend(loc="outside lower center", ncols=2)
        saved(canvas, file)


def _rows(kind: Kind, width: int, records: dict[str, Record]) -> list[Row]:
    return [row for pack in kind.packs_at(width) for row in _of_pack(kind, width, pack, records)]


def _of_pack(kind: Kind, width: int, pack: int, records: dict[str, Record]) -> list[Row]:
    cases = {
        name: partial(step_seconds, pack_of(kind.configuration(width, record), pack))
        for name, record in {"bare": BARE, **records}.items()
    }
    times = interleaved(
        cases,
        kind.rounds,
        lambda line: say(f"{kind.model} {kind.batch}, width {width}, pack {pack}: {line}"),
    )
    milliseconds = {name: 1e3 * median(seconds) / pack for name, seconds in times.items()}
    return [
        {
            "model": kind.model,
            "batch": kind.batch,
            "depth": kind.depth,
            "width": width,
            "pack": pack,
            "record": name,
            "ms_step": milliseconds[name],
            "ms_bare": milliseconds["bare"],
            "ratio": milliseconds[name] / milliseconds["bare"],
            "products": kind.products(record),
        }
        for name, record in records.items()
    ]


if __name__ == "__main__":
    main("diagnostics", measure)
