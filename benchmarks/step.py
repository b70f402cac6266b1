"""One training step: our engine against everybody else's code, on the same points.

The peers are DeepXDE, jinns, code in the manner of jaxpi, nested autograd in torch, the four
channels of our engine in ``torch.compile``, and hand-written scripts in JAX, of which the one with
those channels is the best that one writes in an afternoon. ``benchmarks.comparison`` says what is
timed. float32, full batches, times per run; each number of threads has a process of its own with
so many cores, in which all take turns. Milliseconds are medians over the rounds, ratios the median
of each round's ratio. ``peak_fraction`` is the least arithmetic that both gradients need, over the
time of their propagation alone (of our engine: no losses), over ``benchmarks.peak`` of the same
round. A GPU, where there is one, is compared with its peers on the GPU.

Rows: size, activation, device, threads, pack, code, compile_seconds, ms_step, step_vs_ours,
ms_both, both_vs_ours, ms_propagation, peak_fraction. A code that trains one network at a time is
compared with every size of our packs; it trains the runs of a pack one after the other.
"""

import tempfile
import time
from collections.abc import Iterable, Sequence
from os import environ
from pathlib import Path

import torch

from benchmarks import comparison
from benchmarks.alone import alone
from benchmarks.command import Measured, Result, Row, main, shown
from benchmarks.contenders import (
    ALONE,
    AUTOGRAD,
    CHANNELS,
    DEEPXDE,
    JAXPI,
    JINNS,
    JVP,
    NESTED,
    ORDER,
    SCRIPTS,
    TORCH,
    empty_columns,
)
from benchmarks.markdown import markdown_table
from benchmarks.plotting import grouped_bars, plain_log, saved, subplots
from benchmarks.sizes import LARGE, MID, SMALL
from benchmarks.targets import Target
from pinn_core.cores import usable_cores
from pinn_core.engine.backends import build, library

OURS = ("native", "cuda", "eager")
"""Our backends; the one that users get has the ratio 1."""
SHAPES = {
    "32 x 2 alone": (SMALL.name, 1),
    "32 x 2 in packs of 12": (SMALL.name, 12),
    "128 x 3 alone": (MID.name, 1),
    "256 x 4 alone": (LARGE.name, 1),
}
"""What the short table speaks of."""
KINDS = {
    DEEPXDE: (DEEPXDE,),
    JINNS: (JINNS,),
    "code in jaxpi's manner": (JAXPI,),
    "torch with nested `autograd.grad`": (AUTOGRAD,),
    "a JAX script, `grad` of `grad`": (NESTED,),
    "a JAX script, `jvp` of `jvp`": (JVP,),
    "`torch.compile`, four channels by hand": (TORCH,),
    "a JAX script, four channels by hand, the best of four layouts": CHANNELS,
}
"""Codes by what their users would say they have."""


def measure(quick: bool, devices: tuple[str, ...] | None = None) -> Measured:
    """Rows of every setting of every device there is if none is named."""
    chosen = devices or ("cpu", *["cuda"] * torch.cuda.is_available())
    settings = comparison.QUICK if quick else comparison.FULL
    notes, found = [], []
    for setting, plans in settings.items():
        if setting.device not in chosen:
            continue
        if setting.threads > usable_cores():
            notes.append(f"Not measured on {setting.threads} threads: there are fewer cores.")
            continue
        found.append(alone(setting.threads, comparison.rows_of, setting, plans))
    noise = max(most for _, most, _ in found)
    notes.append(f"Quartiles of repeated measurements lie at most {noise:.0%} of the median apart.")
    if "cpu" in chosen and library.missing():
        notes.append(f"No native backend here: {library.missing()}.")
    elif "cpu" in chosen and not quick:
        seconds = alone(1, build_seconds)
        notes.append(
            f"Our native library was built in {seconds:.0f} s on one core, once for all shapes."
        )
    notes += empty_columns(found[0][2])
    return [row for rows, _, _ in found for row in rows], notes


def build_seconds() -> float:
    """What building the native library takes, in a process that has not loaded it yet."""
    with tempfile.TemporaryDirectory(prefix="cache-") as folder:
        environ["PINN_CACHE"] = folder
        started = time.perf_counter()
        build.load()
        return time.perf_counter() - started


def section(result: Result) -> str:
    """The tables in words and numbers, for the page."""
    rows = result["rows"]
    return f"""\
small: 32 x 2 on 128 + 32 points; mid: 128 x 3 on 512 + 128; large: 256 x 4 on 14 400 + 3 176; one
process for each number of threads, on so many cores. Milliseconds are medians over the rounds,
ratios the median of each round's ratio.

**In short**: how many times faster a complete step of ours is, everything recorded, than the same
training written in another way, on one core; below 1 it is slower. Every code is checked to
compute the same losses and gradients as ours, on the same points.

{_gains(result)}

**Complete step**: ours with Adam and everything recorded at the default cadence, in milliseconds
per run, and how many times longer another code takes; below 1 it is faster. The scripts in JAX and
`torch.compile` make both gradients, Adam, losses and cosines, for whole packs. The others
({_listed(ALONE)})
make one gradient, of the weighted sum, as they do for their users, and train one run after the
other. Compiling is not counted.

{markdown_table(_steps(rows))}

{_compiling(rows)}**Both gradients**, in milliseconds per run, and how many times longer others
take. The last column is the least arithmetic that both gradients need, over the time of their
propagation alone (without losses), over what the cores do in multiply-adds of their widest vectors
in the same round.

{markdown_table(_gradients(rows))}"""


def readme(result: Result) -> str:
    """How much faster a step of ours is than others', the smallest ratio named, for the README."""
    rows = [row for row in _one_thread(result["rows"]) if row["code"] in ORDER]
    ratios = [row["step_vs_ours"] for row in rows]
    worst = min(rows, key=_step_ratio)
    where = result["machine"]
    bits = f" with vectors of {where['vector_bits']} bits" if where.get("vector_bits") else ""
    version, least = result["versions"]["pinn-sweeps"], shown(worst["step_vs_ours"])
    case = f"{worst['size']} network, {worst['activation']}, packs of {worst['pack']}"
    return f"""\
On one core of a CPU ({where["processor"]}{bits}), a complete training step of version
{version} with everything recorded is {_span(ratios)} times as fast as the same step in
DeepXDE, jinns, nested `autograd.grad` in PyTorch, or a JAX script. The smallest ratio, {least},
is that of {worst["code"]} ({case})."""


def _gains(result: Result) -> str:
    """What users of each kind of code would gain."""
    rows = _one_thread(result["rows"])
    table = []
    for kind, codes in KINDS.items():
        cells = {
            where: _span(_ratios(rows, codes, size, pack)) for where, (size, pack) in SHAPES.items()
        }
        if any(cells.values()):
            seconds = [row["compile_seconds"] for row in rows if row["code"] in codes]
            table.append({"written as": kind, **cells, "s to compile": _span(seconds)})
    return markdown_table(table)


TARGETS = (
    ("both gradients against DeepXDE's", (DEEPXDE,), "both_vs_ours", (30.0, 6.0, 5.0)),
    ("complete step against DeepXDE's", (DEEPXDE,), "step_vs_ours", (25.0, 3.5, 2.6)),
    ("fraction of the peak, native", ("native",), "peak_fraction", (0.5, 0.85, 0.9)),
)
PLACES = ((SMALL.name, 12), (MID.name, 1), (LARGE.name, 1))
"""Size and pack of these targets."""
EAGER = (4.0, 1.4, 1.4)
"""How many times faster than nested autograd the eager backend's gradients are asked to be."""
AGAINST_JAX = (
    (SMALL.name, 1, ("tanh", "gelu"), 1.5),
    (SMALL.name, 4, ("tanh", "gelu"), 1.5),
    (SMALL.name, 12, ("tanh",), 1.8),
    (SMALL.name, 12, ("gelu",), 1.5),
    (SMALL.name, 48, ("tanh", "gelu"), 2.0),
    (MID.name, 1, ("tanh", "gelu"), 1.7),
    (MID.name, 4, ("tanh", "gelu"), 1.35),
    (LARGE.name, 1, ("tanh", "gelu"), 1.4),
)
"""The complete step against the best script in JAX: size, pack, activations, least ratio."""


def targets(result: Result) -> list[Target]:
    """Every ratio asked for, on one thread.

    Of tanh with the span over all activations; against the best script in JAX the worst.
    """
    rows = _one_thread(result["rows"])
    found = []
    for what, codes, column, wanted in TARGETS:
        for (size, pack), least in zip(PLACES, wanted, strict=True):
            values = _by_activation(rows, codes, size, pack, column)
            found += _target(f"{what}, {size}", least, values)
    for (size, pack), least in zip(PLACES, EAGER, strict=True):
        theirs = _by_activation(rows, (AUTOGRAD,), size, pack, "both_vs_ours")
        ours = _by_activation(rows, ("eager",), size, pack, "both_vs_ours")
        values = {name: theirs[name] / ours[name] for name in theirs.keys() & ours.keys()}
        found += _target(f"both gradients against nested autograd, eager, {size}", least, values)
    for size, pack, activations, least in AGAINST_JAX:
        values = _by_activation(rows, SCRIPTS, size, pack, "step_vs_ours")
        own = [value for name, value in values.items() if name in activations]
        if own:
            where = f"complete step against the best JAX, {size}, packs of {pack}"
            names = " and ".join(activations)
            found.append(Target(f"{where}, {names}", least, min(own), span=_span(own)))
    return found


def figure(result: Result, file: Path) -> None:
    """How many times longer others take for a complete step: ranges over activations."""
    rows = _one_thread(result["rows"])
    with subplots(width=11, height=4.0) as (canvas, (axis,)):
        series = {
            kind.replace("`", ""): [
                _ratios(rows, codes, size, pack) for size, pack in SHAPES.values()
            ]
            for kind, codes in KINDS.items()
        }
        series = {kind: values for kind, values in series.items() if any(values)}
        grouped_bars(axis, list(SHAPES), series or {"nothing": [[] for _ in SHAPES]})
        axis.axhline(1, color="black", linewidth=0.8)
        axis.set(ylabel="time of a complete step over ours")
        plain_log(axis, "y")
        canvas.legend(loc="outside lower center", ncols=2)
        saved(canvas, file)


def _steps(rows: Sequence[Row]) -> list[Row]:
    """A line for each shape: ours in milliseconds, everybody else as a ratio."""
    codes = [code for code in (*ORDER, "eager") if any(row["code"] == code for row in rows)]
    lines: dict[tuple[object, ...], Row] = {}
    keys = ("size", "activation", "device", "threads", "pack")
    for row in rows:
        line = lines.setdefault(
            tuple(row[key] for key in keys),
            {key: row[key] for key in keys} | {"ours, ms": None} | dict.fromkeys(codes),
        )
        if row["code"] in codes:
            line[row["code"]] = row["step_vs_ours"]
        if row["code"] in OURS and row["step_vs_ours"] == 1:
            line["ours, ms"] = row["ms_step"]
    return list(lines.values())


def _compiling(rows: Sequence[Row]) -> str:
    found: list[Row] = []
    for code in ORDER:
        own = [row for row in rows if row["code"] == code and row["compile_seconds"] is not None]
        if own:
            spans = {
                size.name: _span(row["compile_seconds"] for row in own if row["size"] == size.name)
                for size in (SMALL, MID, LARGE)
            }
            found.append({"code": code, **spans})
    if not found:
        return ""
    return f"**Compiling**, in seconds, for each shape again.\n\n{markdown_table(found)}\n\n"


def _gradients(rows: Sequence[Row]) -> list[Row]:
    columns = ("ms_both", "both_vs_ours", "ms_propagation", "peak_fraction")
    keys = ("size", "activation", "device", "threads", "pack", "code")
    return [
        {key: row[key] for key in (*keys, *columns)} for row in rows if row["ms_both"] is not None
    ]


def _one_thread(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if (row["device"], row["threads"]) == ("cpu", 1)]


def _by_activation(
    rows: Sequence[Row], codes: Sequence[str], size: str, pack: int, column: str
) -> dict[str, float]:
    """The least of several codes."""
    values: dict[str, list[float]] = {}
    for row in rows:
        here = (row["size"], row["pack"]) == (size, pack) and row["code"] in codes
        if here and row[column] is not None:
            values.setdefault(row["activation"], []).append(row[column])
    return {activation: min(own) for activation, own in values.items()}


def _ratios(rows: Sequence[Row], codes: Sequence[str], size: str, pack: int) -> list[float]:
    return list(_by_activation(rows, codes, size, pack, "step_vs_ours").values())


def _target(where: str, least: float, values: dict[str, float]) -> list[Target]:
    if not values:
        return []
    return [Target(where, least, values.get("tanh"), span=_span(values.values()))]


def _span(values: Iterable[float | None]) -> str:
    """From the least to the greatest; empty where there is nothing."""
    found = [value for value in values if value is not None]
    ends = list(dict.fromkeys(shown(end) for end in (min(found), max(found)))) if found else []
    return " to ".join(ends)


def _step_ratio(row: Row) -> float:
    ratio = row["step_vs_ours"]
    return float("inf") if ratio is None else float(ratio)


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"


if __name__ == "__main__":
    main("step", measure)
