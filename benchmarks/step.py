"""One training step: our engine against DeepXDE and nested autograd, on the same points.

Both gradients, of the residual's and of the boundary's loss, come from the public evaluation of the
objective; the complete step from a training that runs, with Adam and everything recorded at the
default cadence. One thread, float32, full batches, times per run. ``peak_fraction`` is the least
arithmetic that both gradients need, over the time of their propagation alone (of our engine: no
losses), over the better large matrix product of the same round. Milliseconds are medians over the
rounds, ratios the median of each round's ratio. A GPU, where there is one, is compared with its
peers on the GPU.

Rows: size, activation, backend, pack, ms_both, ms_complete, vs_deepxde_both, vs_deepxde_step,
vs_autograd, ms_propagation, peak_fraction. The peers have rows of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.command import Measured, Result, Row, main, say, shown
from benchmarks.engine import Engine
from benchmarks.machine import sgemm_seconds
from benchmarks.markdown import markdown_table
from benchmarks.peers import Peer, Task
from benchmarks.peers.nested import Nested
from benchmarks.plotting import grouped_bars, plain_log, saved, subplots
from benchmarks.sizes import LARGE, MID, SMALL, Size
from benchmarks.targets import Target
from benchmarks.timing import Case, Times, clocked, interleaved, paired, spread
from benchmarks.training import pack_of, step_seconds
from pinn_core import Configuration
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import library

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
"""Of the square products that measure the peak."""
MISSING = "DeepXDE is not installed: its columns are empty (pip install 'pinn-sweeps[benchmarks]')."
PEERS = ("deepxde", "autograd")


@dataclass(frozen=True)
class Plan:
    """How much of a size is measured: packs by device, steps of a training, rounds."""

    size: Size
    packs: dict[str, tuple[int, ...]]
    steps: int
    rounds: int
    activations: tuple[str, ...] = tuple(ACTIVATIONS)


FULL = (
    Plan(SMALL, {"cpu": (12, 1), "cuda": (64, 12, 1)}, steps=100, rounds=15),
    Plan(MID, {"cpu": (1,), "cuda": (12, 1)}, steps=50, rounds=15),
    Plan(LARGE, {"cpu": (1,), "cuda": (6, 1)}, steps=20, rounds=4, activations=("tanh", "gelu")),
)
QUICK = (
    Plan(SMALL, {"cpu": (12, 1), "cuda": (12, 1)}, steps=20, rounds=2, activations=("tanh",)),
    Plan(MID, {"cpu": (1,), "cuda": (1,)}, steps=20, rounds=2, activations=("tanh",)),
)


def measure(quick: bool, devices: tuple[str, ...] | None = None) -> Measured:
    """Rows of every size, activation and backend, of every device there is if none is named."""
    chosen = devices or ("cpu", *["cuda"] * torch.cuda.is_available())
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        compared = [
            _compared(plan, activation, device)
            for plan in (QUICK if quick else FULL)
            for device in chosen
            for activation in plan.activations
        ]
    finally:
        torch.set_num_threads(before)
    rows = [row for some, _ in compared for row in some]
    noise = max(most for _, most in compared)
    notes = [f"Quartiles of repeated measurements lie at most {noise:.0%} of the median apart."]
    if library.missing() and "cpu" in chosen:
        notes.append(f"No native backend here: {library.missing()}.")
    return rows, notes if _deepxde() else [*notes, MISSING]


def section(result: Result) -> str:
    """The table in words and numbers, for the page."""
    return f"""\
Milliseconds per step and run, and how many times faster than DeepXDE's both gradients, DeepXDE's
`train_step`, and both gradients by nested autograd. small: 32 x 2 on 128 + 32 points; mid: 128 x 3
on 512 + 128; large: 256 x 4 on 14 400 + 3 176. The complete step is Adam and everything recorded at
the default cadence. The last column is the least arithmetic that both gradients need, over the time
of their propagation alone (without losses), over the better large matrix product of the round.
Milliseconds are medians over the rounds, ratios the median of each round's ratio.

{markdown_table(result["rows"])}"""


TARGETS = (
    ("both gradients against DeepXDE's", "native", "vs_deepxde_both", (30.0, 6.0, 5.0)),
    ("complete step against DeepXDE's", "native", "vs_deepxde_step", (25.0, 3.5, 2.6)),
    ("fraction of the matrix product's peak", "native", "peak_fraction", (0.5, 0.85, 0.9)),
    ("both gradients against nested autograd", "eager", "vs_autograd", (4.0, 1.4, 1.4)),
)


def targets(result: Result) -> list[Target]:
    """Every ratio asked for, in the largest pack of its size: of tanh, and over all activations."""
    found = []
    for what, backend, column, wanted in TARGETS:
        for size, least in zip((SMALL, MID, LARGE), wanted, strict=True):
            own = [
                row
                for row in result["rows"]
                if (row["size"], row["backend"]) == (size.name, backend)
            ]
            own = [row for row in own if row["pack"] == max(each["pack"] for each in own)]
            values = {row["activation"]: row[column] for row in own if row[column] is not None}
            if values:
                span = f"{shown(min(values.values()))} to {shown(max(values.values()))}"
                where = f"{what}, {backend}, {size.name}"
                found.append(Target(where, least, values.get("tanh"), span=span))
    return found


def figure(result: Result, file: Path) -> None:
    """How many times faster than DeepXDE: medians and ranges over activations, largest packs."""
    rows = [row for row in result["rows"] if not row["backend"].startswith(PEERS)]
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    backends = list(dict.fromkeys(row["backend"] for row in rows))

    def largest(size: str, backend: str, column: str) -> list[float]:
        own = [row for row in rows if (row["size"], row["backend"]) == (size, backend)]
        pack = max((row["pack"] for row in own), default=0)
        return [row[column] for row in own if row["pack"] == pack and row[column]]

    titles = {"vs_deepxde_both": "both gradients", "vs_deepxde_step": "complete step"}
    with subplots(len(titles)) as (canvas, axes):
        for axis, (column, title) in zip(axes, titles.items(), strict=True):
            series = {
                backend: [largest(size, backend, column) for size in sizes] for backend in backends
            }
            grouped_bars(axis, sizes, series)
            axis.axhline(1, color="black", linewidth=0.8)
            axis.set(title=title, ylabel="times faster than DeepXDE")
            plain_log(axis, "y")
        axes[0].legend()
        saved(canvas, file)


def _compared(plan: Plan, activation: str, device: str) -> tuple[list[Row], float]:
    """Rows of one size and activation on one device, and the widest spread among their cases."""
    size = plan.size
    configuration = size.configuration(activation, plan.steps)
    backends = ["cuda"] if device != "cpu" else ["eager", *["native"] * (not library.missing())]
    ours = [(backend, pack) for backend in backends for pack in plan.packs[device]]
    task = Engine.of(configuration, 1, device).task()
    cases: dict[str, Case] = {}
    for name, peer in _peers(task).items():
        cases |= _peer_cases(name, peer, device)
    for backend, pack in ours:
        cases |= _our_cases(configuration, backend, pack, device)
    for side in SIDES[device]:
        cases[f"product {side}"] = partial(sgemm_seconds, side, device)
    times = interleaved(
        cases, plan.rounds, lambda line: say(f"{size.name} {activation} {device}: {line}")
    )
    products = [
        [seconds / (2 * side**3) for seconds in times[f"product {side}"]] for side in SIDES[device]
    ]
    floor = [size.floor * min(both) for both in zip(*products, strict=True)]
    suffix = "" if device == "cpu" else f"-{device}"
    named = [(f"{peer}{suffix}", peer, 1) for peer in PEERS]
    named += [(backend, f"{backend} {pack}", pack) for backend, pack in ours]
    rows = [
        {
            "size": size.name,
            "activation": activation,
            "backend": backend,
            "pack": pack,
            **_columns(times, case, floor),
        }
        for backend, case, pack in named
    ]
    return rows, max(spread(times[name]) for name in cases if not name.startswith("product"))


def _columns(times: Times, case: str, floor: list[float]) -> Row:
    """Milliseconds and ratios of one backend; ``floor`` is the seconds at the peak, by round."""
    both, step, way = (times.get(f"{case} {what}") for what in ("both", "step", "propagation"))

    def milliseconds(own: list[float] | None) -> float | None:
        return 1e3 * median(own) if own else None

    def ratio(other: list[float] | None, own: list[float] | None) -> float | None:
        return paired(other, own) if other and own else None

    return {
        "ms_both": milliseconds(both),
        "ms_complete": milliseconds(step),
        "vs_deepxde_both": ratio(times.get("deepxde both"), both),
        "vs_deepxde_step": ratio(times.get("deepxde step"), step),
        "vs_autograd": ratio(times.get("autograd both"), both),
        "ms_propagation": milliseconds(way),
        "peak_fraction": ratio(floor, way or both),
    }


def _peer_cases(name: str, peer: Peer, device: str) -> dict[str, Case]:
    finish = _finish(device)
    return {
        f"{name} both": clocked(peer.both, finish=finish),
        f"{name} step": clocked(peer.step, finish=finish),
    }


def _our_cases(
    configuration: Configuration, backend: str, pack: int, device: str
) -> dict[str, Case]:
    chosen = "auto" if device != "cpu" else backend
    engine = Engine.of(configuration, pack, device, backend=chosen)
    both, propagation = (
        clocked(work, finish=_finish(device)) for work in (engine.both, engine.propagation)
    )
    members = pack_of(configuration, pack)
    return {
        f"{backend} {pack} both": lambda: both() / pack,
        f"{backend} {pack} propagation": lambda: propagation() / pack,
        f"{backend} {pack} step": lambda: (
            step_seconds(members, device=device, backend=chosen) / pack
        ),
    }


def _peers(task: Task) -> dict[str, Peer]:
    peers: dict[str, Peer] = {"autograd": Nested(task)}
    made = _deepxde()
    return {**peers, "deepxde": made(task)} if made else peers


def _deepxde() -> Callable[[Task], Peer] | None:
    """The peer, None where DeepXDE is not installed."""
    try:
        from benchmarks.peers.deepxde import DeepXde
    except ModuleNotFoundError as missing:
        if missing.name != "deepxde":
            raise
        return None
    return DeepXde


def _finish(device: str) -> Callable[[], Any] | None:
    return None if device == "cpu" else torch.cuda.synchronize


if __name__ == "__main__":
    main("step", measure)
