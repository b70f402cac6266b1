"""What recording costs: a step with its record against a bare step of the same training.

Bare is a record with every cadence 0 and two watched points: updates are still measured, since that
is part of Adam's pass. Rows: model, batch, width, pack, record, ms_step, ms_bare, ratio; four
hidden layers, tanh, one thread, times per run. ``batch`` is points, or those of a full batch.
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


@dataclass(frozen=True)
class Kind:
    """A training: its objective and points, how many steps of it are timed and how often."""

    model: str
    batch: str
    objective: Objective
    problem: Heat
    steps: int = 100
    rounds: int = 3

    @property
    def mini_batch(self) -> bool:
        """Whether a step is so small that runs are packed."""
        return self.objective.batch != "full"

    def configuration(self, width: int, record: Record) -> Configuration:
        """The training of one width with one record."""
        return Configuration(
            problem=self.problem,
            network=Mlp(width=width, depth=4, activation="tanh"),
            objective=self.objective,
            phases=(Adam(steps=WARM_UP + self.steps),),
            record=record,
        )


KINDS = (
    Kind("regression", "512", Regression(batch=512), Heat()),
    Kind("PINN", "512", Pinn(batch=512), Heat()),
    Kind("PINN", "full, 1800 + 3176", Pinn(), Heat(interior_points=1800)),
    # Whatever is due now and then comes free from this batch, but for the sketch every 20 steps.
    Kind("PINN", "full, 14400 + 3176", Pinn(), Heat(), steps=20, rounds=2),
)


def measure(quick: bool) -> Measured:
    """Rows of every kind and width at the default record, and of every record at one width."""
    if quick:
        few = {name: OTHERS[name] for name in (DEFAULT, "gradients_every 1")}
        return [row for kind in KINDS[:2] for row in _rows(replace(kind, rounds=1), 32, few)]
    default = {DEFAULT: OTHERS[DEFAULT]}
    return [
        row
        for kind in KINDS
        for width in WIDTHS
        for row in _rows(kind, width, OTHERS if width == WIDTH_OF_OTHERS else default)
    ]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    return f"""\
Milliseconds per step and run of a 4-layer network on one thread, with a record and bare; mini-batch
runs up to width 64 in packs of 6, others alone. The default record is
{", ".join(f"{name} {value}" for name, value in asdict(Record()).items())};
each row below it changes one of these.

{markdown_table(result["rows"])}"""


def targets(result: Result) -> list[Target]:
    """The highest ratios over all widths at the default record."""
    default = [row for row in result["rows"] if row["record"] == DEFAULT]
    full, few = (
        [row["ratio"] for row in default if row["batch"].startswith("full") == wanted]
        for wanted in (True, False)
    )
    return [
        Target("recording, regression or mini-batch run", 2.5, max(few, default=None), False),
        Target("recording, full-batch PINN run", 1.1, max(full, default=None), False),
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
    pack = 6 if kind.mini_batch and width <= WIDTH_OF_OTHERS else 1
    cases = {
        name: partial(step_seconds, pack_of(kind.configuration(width, record), pack))
        for name, record in {"bare": BARE, **records}.items()
    }
    times = interleaved(
        cases,
        kind.rounds,
        lambda line: say(f"{kind.model} {kind.batch}, width {width}: {line}"),
    )
    milliseconds = {name: 1e3 * median(seconds) / pack for name, seconds in times.items()}
    return [
        {
            "model": kind.model,
            "batch": kind.batch,
            "width": width,
            "pack": pack,
            "record": name,
            "ms_step": milliseconds[name],
            "ms_bare": milliseconds["bare"],
            "ratio": milliseconds[name] / milliseconds["bare"],
        }
        for name in records
    ]


if __name__ == "__main__":
    main("diagnostics", measure)
