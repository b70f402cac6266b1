"""A trainer that returns at once: what a study costs when training costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import log10

import pyarrow as pa
import pyarrow.compute as pc

from pinn_core.configuration import Configuration, run_id
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn
from pinn_core.optimizers import Adam
from pinn_core.problems import Heat
from pinn_core.records.trajectory import Trajectory
from pinn_core.training import trainer
from pinn_core.training.trainer import Member

METRIC = "loss/regression"
"""The column that differs from run to run."""


def train(
    members: Sequence[Member],
    *,
    progress: Callable[[int, int], None] | None = None,
    **_: object,
) -> list[Trajectory]:
    """A recorded trajectory for each member, as long as its training would have been.

    Has the signature of ``pinn_core.training.trainer.train``. The losses of each are multiplied by
    a number that depends on its learning rate (best near 1e-3) and a little on all the rest, so
    that a sampler has something to learn and no two runs are alike.
    """
    steps = members[0].configuration.steps
    record = _recorded(steps)
    if progress:
        progress(steps, steps)
    return [_scaled(record, _factor(member)) for member in members]


@cache
def _recorded(steps: int) -> Trajectory:
    """A real run of a tiny network, made once in each process."""
    configuration = Configuration(
        problem=Heat(points_per_axis=8, interior_points=20),
        network=Mlp(width=8, depth=2),
        objective=Pinn(),
        phases=(Adam(steps=steps, learning_rate=1e-3),),
    )
    return trainer.train([Member(configuration, seed=0)], backend="eager")[0]


def _factor(member: Member) -> float:
    rate = float(getattr(member.configuration.phases[0], "learning_rate"))  # noqa: B009
    rest = int(run_id(member.configuration, member.seed), 16) / 2**64
    return 1 + (log10(rate) + 3) ** 2 + 0.01 * rest


def _scaled(record: Trajectory, factor: float) -> Trajectory:
    table = record.table
    place = table.column_names.index(METRIC)
    scaled = pc.multiply(table.column(METRIC), pa.scalar(factor))
    return Trajectory(table.set_column(place, METRIC, scaled), record.diverged_at)
