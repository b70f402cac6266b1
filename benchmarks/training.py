"""How long a training step takes, everything included, in a training that really runs."""

import time
from collections.abc import Sequence

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
    every cadence of its record, so that each thing recorded has its due share. On a CPU the times
    are those that the training records: it tells of its progress only after a native call, which
    may make dozens of steps.
    """
    if device != "cpu":
        return _seconds_on_gpu(members, device, threads, backend)
    trajectory = train(members, device=device, threads=threads, backend=backend)[0]
    seconds = trajectory.table["time/step_seconds"].to_numpy()
    steps = members[0].configuration.steps
    if not WARM_UP < steps == len(seconds) - 1:
        raise _too_few(steps)
    return len(members) * float(seconds[WARM_UP:-1].mean())


def _seconds_on_gpu(members: Sequence[Member], device: str, threads: int, backend: str) -> float:
    """The same where the clock has to wait for the device."""
    marks: list[tuple[int, float]] = []

    def progress(step: int, last: int) -> None:
        if step == last or (step >= WARM_UP and not marks):
            torch.cuda.synchronize()
            marks.append((step, time.perf_counter()))

    train(members, device=device, threads=threads, backend=backend, progress=progress)
    if len(marks) != 2:
        raise _too_few(members[0].configuration.steps)
    (first, start), (last, end) = marks
    return (end - start) / (last - first)


def _too_few(steps: int) -> ValueError:
    return ValueError(f"needs more than {WARM_UP} steps that stay finite, found {steps}")
