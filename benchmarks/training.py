"""How long a training step takes, everything included, in a training that really runs."""

import time
from collections.abc import Sequence
from statistics import fmean

import torch

from pinn_core import Configuration, Member, train

WARM_UP = 5
"""Steps before the clock starts: allocations, first touches, a graph's capture."""


def pack_of(configuration: Configuration, size: int) -> list[Member]:
    """``size`` runs that differ in their seeds."""
    return [Member(configuration, seed) for seed in range(size)]


def step_seconds(
    members: Sequence[Member],
    device: str = "cpu",
    threads: int = 1,
    backend: str = "auto",
) -> float:
    """Seconds of one step of the whole pack: the mean over all steps but the first ``WARM_UP``.

    A configuration of ``WARM_UP + k`` steps is timed over k steps, which should be a multiple of
    every cadence of its record, so that each thing recorded has its due share. On the CPU the times
    are the record's own: where the backend makes several steps in one call, ``progress`` is told of
    all of them when the last is made, so that its times do not say what a step took.
    """
    steps = members[0].configuration.steps
    if steps <= WARM_UP:
        raise ValueError(f"needs more than {WARM_UP} steps, found {steps}")
    if device != "cpu":
        seconds = _on_gpu(members, device, threads, backend)
    else:
        first = train(members, device=device, threads=threads, backend=backend)[0]
        shares = first.table["time/step_seconds"].to_pylist()[WARM_UP:steps]
        seconds = None if None in shares else len(members) * fmean(shares)
    if seconds is None:
        raise ValueError(f"needs {steps} steps that stay finite")
    return seconds


def _on_gpu(members: Sequence[Member], device: str, threads: int, backend: str) -> float | None:
    """The same on a GPU, which makes one step after the other; None if it does not reach the last.

    The record's times are the CPU's there, which runs ahead.
    """
    marks: list[tuple[int, float]] = []

    def progress(step: int, last: int) -> None:
        if step in (WARM_UP, last):
            torch.cuda.synchronize()
            marks.append((step, time.perf_counter()))

    train(members, device=device, threads=threads, backend=backend, progress=progress)
    if len(marks) != 2:
        return None
    (first, start), (last, end) = marks
    return (end - start) / (last - first)
