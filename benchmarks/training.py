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
    every cadence of its record, so that each thing recorded has its due share.
    """
    steps = members[0].configuration.steps
    marks: list[tuple[int, float]] = []

    def progress(step: int, last: int) -> None:
        if step == last or (step >= WARM_UP and not marks):
            if device != "cpu":
                torch.cuda.synchronize()
            marks.append((step, time.perf_counter()))

    train(members, device=device, threads=threads, backend=backend, progress=progress)
    if len(marks) != 2:
        raise ValueError(f"needs more than {WARM_UP} steps that stay finite, found {steps}")
    (first, start), (last, end) = marks
    return (end - start) / (last - first)
