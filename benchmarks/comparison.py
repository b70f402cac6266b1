"""One shape after the other: our complete step and everybody's, in turns in one process.

A step is timed in a training that runs: ours with everything recorded at the default cadence, a
peer's as its users write it (``contenders.ALONE`` says which make less than we do). Both
gradients alone are timed for us and for peers that step by a call.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from benchmarks import peak
from benchmarks.command import Row, say
from benchmarks.contenders import (
    ALONE,
    APART,
    AUTOGRAD,
    CHANNELS,
    CHUNKED,
    DEEPXDE,
    IN_TURN,
    JAXPI,
    JOINED,
    JVP,
    NESTED,
    SCRIPTS,
    TORCH,
    contenders,
)
from benchmarks.engine import Engine
from benchmarks.peers import PackPeer
from benchmarks.sizes import LARGE, MID, SMALL, Size
from benchmarks.timing import Case, Times, clocked, interleaved, paired, spread
from benchmarks.training import pack_of, step_seconds
from pinn_core import Configuration
from pinn_core.engine.backends import library


@dataclass(frozen=True)
class Plan:
    """What of a size is measured: the peers in each pack, how many steps, how often.

    ``steps`` is how long our training is timed, a multiple of every cadence; a peer's takes
    ``runs_times_steps`` over the pack's size, ``least`` at least. ``eager`` are the packs in which
    our eager backend is measured beside the native one.
    """

    size: Size
    activations: tuple[str, ...]
    packs: dict[int, tuple[str, ...]]
    steps: int
    runs_times_steps: int
    least: int
    rounds: int
    eager: tuple[int, ...] = ()


@dataclass(frozen=True)
class Setting:
    """A device and the threads, which a process has for good."""

    device: str
    threads: int = 1


def _each(packs: tuple[int, ...], *names: str) -> dict[int, tuple[str, ...]]:
    return dict.fromkeys(packs, names)


_SMALL, _MID, _LARGE = (
    partial(Plan, SMALL, steps=100, runs_times_steps=240, least=20),
    partial(Plan, MID, steps=20, runs_times_steps=12, least=3),
    partial(Plan, LARGE, steps=20, runs_times_steps=2, least=2),
)
_ONE = (NESTED, JVP, APART, JOINED, CHUNKED, TORCH, *ALONE)
_NEAR = (APART, JOINED, CHUNKED)

FULL: dict[Setting, tuple[Plan, ...]] = {
    Setting("cpu"): (
        _SMALL(
            ("tanh", "gelu"),
            _each((1,), *_ONE) | _each((12, 48), *SCRIPTS, TORCH) | _each((4, 96), *SCRIPTS),
            rounds=9,
            eager=(1, 12),
        ),
        _SMALL(("sin", "silu", "softplus"), {12: (IN_TURN,), 1: (AUTOGRAD, DEEPXDE)}, rounds=5),
        _MID(
            ("tanh", "gelu"),
            _each((1,), *_ONE) | _each((4,), *SCRIPTS) | _each((12,), *CHANNELS),
            rounds=5,
            eager=(1,),
        ),
        _LARGE(
            ("tanh", "gelu"), {1: (NESTED, JVP, *_NEAR, DEEPXDE, AUTOGRAD)}, rounds=3, eager=(1,)
        ),
    ),
    Setting("cpu", 2): (
        _SMALL(
            ("tanh",),
            _each((1,), *_NEAR, TORCH, DEEPXDE) | _each((12, 96), *CHANNELS),
            rounds=7,
        ),
        _MID(("tanh",), _each((1,), *_NEAR, TORCH, DEEPXDE) | _each((4,), *CHANNELS), rounds=4),
        _LARGE(("tanh",), {1: _NEAR}, rounds=2),
    ),
    Setting("cuda"): (
        _SMALL(("tanh", "gelu"), _each((1,), *_ONE) | _each((12, 96), *SCRIPTS, TORCH), rounds=9),
        _MID(("tanh", "gelu"), _each((1,), *_ONE) | _each((12,), *SCRIPTS, TORCH), rounds=5),
        _LARGE(("tanh", "gelu"), {1: _ONE, 6: (*SCRIPTS,)}, rounds=3),
    ),
}
QUICK: dict[Setting, tuple[Plan, ...]] = {
    Setting("cpu"): (
        _SMALL(
            ("tanh",),
            {1: (JOINED, JAXPI, AUTOGRAD, DEEPXDE), 12: (IN_TURN,)},
            rounds=2,
            eager=(12,),
        ),
        _MID(("tanh",), {1: (CHUNKED, TORCH)}, rounds=2),
    ),
    Setting("cpu", 2): (_SMALL(("tanh",), {12: (IN_TURN,)}, rounds=2),),
    Setting("cuda"): (_SMALL(("tanh",), {1: (JOINED, TORCH, AUTOGRAD, DEEPXDE)}, rounds=2),),
}


def rows_of(setting: Setting, plans: tuple[Plan, ...]) -> tuple[list[Row], float, tuple[str, ...]]:
    """Rows of all plans, the widest spread among their cases, and the packages that are missing.

    To be called in a process that has the setting's threads and no others.
    """
    if setting.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    compared = [
        _compared(plan, activation, setting) for plan in plans for activation in plan.activations
    ]
    rows = [row for some, _ in compared for row in some]
    return rows, max(most for _, most in compared), contenders().missing


def _compared(plan: Plan, activation: str, setting: Setting) -> tuple[list[Row], float]:
    """Rows of one size and activation, and the widest spread among their cases."""
    shape = f"{plan.size.name} {activation} {setting.device} {setting.threads}"
    found = contenders()
    configuration = plan.size.configuration(activation, plan.steps)
    ours = _ours(setting.device)
    cases: dict[str, Case] = {}
    compiling: dict[str, float] = {}
    measured: list[tuple[str, int]] = []
    for pack, names in plan.packs.items():
        for code in (ours, *["eager"] * (pack in plan.eager and ours == "native")):
            cases |= _our_cases(plan, configuration, code, pack, setting)
            measured.append((code, pack))
        engine = Engine.of(configuration, pack, setting.device)
        task = engine.pack_task(max(plan.least, plan.runs_times_steps // pack))
        for name in names:
            if name in found.packs and _runs_on(name, setting.device):
                say(f"{shape}: {name} {pack}")
                peer = found.packs[name](task)
                compiling[f"{name} {pack}"] = peer.compile_seconds
                cases[f"{name} {pack} step"] = partial(_seconds, peer, task.steps * pack)
            elif name in found.steps:
                one, finish = found.steps[name](engine.task()), _finish(setting.device)
                cases[f"{name} {pack} both"] = clocked(one.both, finish=finish)
                cases[f"{name} {pack} step"] = clocked(one.step, finish=finish)
            measured.append((name, pack))
    peaks = peak.cases(setting.device, setting.threads)
    times = interleaved(cases | peaks, plan.rounds, lambda line: say(f"{shape}: {line}"))
    floor = [
        plan.size.floor * min(one) for one in zip(*(times[name] for name in peaks), strict=True)
    ]
    rows = [
        {
            "size": plan.size.name,
            "activation": activation,
            "device": setting.device,
            "threads": setting.threads,
            "pack": pack,
            "code": code,
            "compile_seconds": compiling.get(f"{code} {own}"),
            **_columns(times, f"{code} {own}", f"{ours} {pack}", floor),
        }
        for pack in plan.packs
        for code, own in _in_a_pack(measured, pack)
        if f"{code} {own} step" in times or f"{code} {own} both" in times
    ]
    return rows, max(spread(times[name]) for name in cases)


def _in_a_pack(measured: list[tuple[str, int]], pack: int) -> Iterator[tuple[str, int]]:
    """Who trains a pack, and in packs of how many: some take one run after the other."""
    yield from (one for one in measured if one[1] == pack)
    yield from ((code, own) for code, own in measured if code in ALONE and own != pack)


def _columns(times: Times, case: str, ours: str, floor: list[float]) -> Row:
    """Milliseconds a run and ratios to ours; ``floor`` is the seconds at the peak, by round."""
    both, step, way = (times.get(f"{case} {what}") for what in ("both", "step", "propagation"))

    def milliseconds(own: list[float] | None) -> float | None:
        return 1e3 * median(own) if own else None

    def ratio(other: list[float] | None, own: list[float] | None) -> float | None:
        return paired(other, own) if other and own else None

    return {
        "ms_step": milliseconds(step),
        "step_vs_ours": ratio(step, times.get(f"{ours} step")),
        "ms_both": milliseconds(both),
        "both_vs_ours": ratio(both, times.get(f"{ours} both")),
        "ms_propagation": milliseconds(way),
        "peak_fraction": ratio(floor, way),
    }


def _ours(device: str) -> str:
    """Our backend of a device that users get."""
    if device != "cpu":
        return "cuda"
    return "eager" if library.missing() else "native"


def _runs_on(name: str, device: str) -> bool:
    """Whether a peer computes on the device: JAX does on the one that it was installed for."""
    if device == "cpu" or name == TORCH:
        return True
    from benchmarks.peers.jax_scripts import on_gpu

    return on_gpu()


def _our_cases(
    plan: Plan, configuration: Configuration, code: str, pack: int, setting: Setting
) -> dict[str, Case]:
    device, threads = setting.device, setting.threads
    backend = "auto" if device != "cpu" else code
    engine = Engine.of(configuration, pack, device, threads, backend)
    both, propagation = (
        clocked(work, finish=_finish(device)) for work in (engine.both, engine.propagation)
    )
    members = pack_of(configuration, pack)
    cases: dict[str, Case] = {
        f"{code} {pack} both": lambda: both() / pack,
        f"{code} {pack} propagation": lambda: propagation() / pack,
    }
    if code != "eager" or plan.size != LARGE:
        cases[f"{code} {pack} step"] = lambda: (
            step_seconds(members, device, threads, backend) / pack
        )
    return cases


def _seconds(peer: PackPeer, runs_times_steps: int) -> float:
    """Of one step of one run."""
    started = time.perf_counter()
    peer.train()
    return (time.perf_counter() - started) / runs_times_steps


def _finish(device: str) -> Callable[[], object] | None:
    return None if device == "cpu" else torch.cuda.synchronize
