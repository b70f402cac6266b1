"""What a part does to the training of a pack: nothing that a member alone would not see."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pinn_core.configuration import Configuration, Record, families
from pinn_core.networks import Mlp
from pinn_core.objectives import Pinn
from pinn_core.optimizers import Adam
from pinn_core.parts import Part
from pinn_core.probes import Probe
from pinn_core.problems import Burgers, Convection, Heat, Poisson
from pinn_core.records.trajectory import Trajectory
from pinn_core.samplers import Sampler
from pinn_core.testing.said import NothingFits, demand
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.trainer import Member, train

STEPS, SAVED = 6, 3
RECORD = Record(points=16, gradient_points=12, sketch_every=2)
TRIED = (
    {"problem": Burgers(points_x=8, points_t=12)},
    {"problem": Convection(points_x=8, points_t=8)},
    {"problem": Heat(points_per_axis=6)},
    {"problem": Poisson(points_per_axis=20)},
    {"problem": Burgers(points_x=8, points_t=12), "precision": "float64"},
    {
        "problem": Burgers(points_x=8, points_t=12),
        "network": Mlp(width=8, depth=2, activation="tanh"),
    },
    {"problem": Burgers(points_x=8, points_t=12), "objective": Pinn(lambda_b=10.0, batch=12)},
)
"""With which of these a part is tried: the first that it goes together with."""


def check_training(part: Part) -> None:
    """The bits of three members alone are those in a pack, reordered, resumed, or beside NaN."""
    keys = [
        key
        for key, family in families().items()
        if family.contract is not None and isinstance(part, family.contract)
    ]
    if isinstance(part, Probe):
        configuration = _made({**TRIED[0], "record": replace(RECORD, probes=(_often(part),))})
    elif isinstance(part, Sampler):
        configuration = _made({**TRIED[0], "objective": _drawing(part)})
    elif keys:
        configuration = _with(keys[0], part)
    else:
        return  # no run is made of it
    name = f"{type(part).__name__} on {configuration.problem.kind}"
    pack = [Member(configuration, seed) for seed in range(3)]
    trained = train(pack)
    _demand_numbers(name, trained)
    together = [trajectory.digest() for trajectory in trained]
    demand(len(set(together)) == 3, f"{name}: three seeds give equal trajectories")
    alone = [_digests([member])[0] for member in pack]
    demand(alone == together, f"{name}: a member alone has other bits than in a pack")
    turned = _digests(pack[::-1])[::-1]
    demand(turned == together, f"{name}: the bits depend on the order of the pack")
    demand(_resumed(pack) == together, f"{name}: a resumed training has other bits")
    wild = _diverging(configuration)
    if wild is not None:
        beside = _digests([pack[0], Member(wild, 1), pack[2]])
        quiet = [beside[0], beside[2]] == [together[0], together[2]]
        demand(quiet, f"{name}: a member that diverges changes the bits of its neighbours")


def _demand_numbers(name: str, trained: list[Trajectory]) -> None:
    """All losses are numbers, and no weight of a loss term is negative."""
    for table in (trajectory.table for trajectory in trained):
        for column in table.column_names:
            values = table.column(column).drop_null().to_pylist()
            if column == "loss/batch":
                whole = len(values) == len(table) and all(map(math.isfinite, values))
                demand(whole, f"{name}: the loss is no number after {len(values)} of {STEPS} steps")
            if column.startswith("weight/"):
                demand(all(value >= 0 for value in values), f"{name}: {column} is negative")


def _with(key: str, part: Part) -> Configuration:
    """A small configuration that has the part; raises ``NothingFits`` where none will do."""
    reasons = []
    for parts in TRIED:
        try:
            return _made({**parts, key: (_short(part),) if key == "phases" else part})
        except ValueError as error:
            reasons.append(str(error))
    raise NothingFits(f"{type(part).__name__} goes together with none tried: {reasons[-1]}")


def _made(parts: dict[str, Any]) -> Configuration:
    return Configuration(
        **{
            "network": Mlp(width=8, depth=1, activation="tanh"),
            "objective": Pinn(lambda_b=10.0),
            "phases": (Adam(steps=STEPS, learning_rate=1e-2),),
            "record": RECORD,
            **parts,
        }
    )


def _often(probe: Any) -> Any:  # noqa: ANN401
    return replace(probe, every=2)


def _drawing(part: Sampler) -> Pinn:
    fields = part.to_dict()
    return Pinn(lambda_b=10.0, batch=12, points=fields.pop("kind"), sampling=fields)


def _short(phase: Any) -> Any:  # noqa: ANN401
    return replace(phase, steps=STEPS)


def _digests(pack: list[Member]) -> list[str]:
    return [trajectory.digest() for trajectory in train(pack)]


def _resumed(pack: list[Member]) -> list[str]:
    with TemporaryDirectory() as folder:
        kept = Folder(Path(folder))
        train(pack, checkpointing=Checkpointing(kept, every_steps(SAVED)), stop_after=SAVED)
        again = Checkpointing(kept, every_steps(10 * STEPS))
        return [trajectory.digest() for trajectory in train(pack, checkpointing=again)]


def _diverging(configuration: Configuration) -> Configuration | None:
    """The same with a learning rate that blows up, where members may differ in it."""
    phase = configuration.phases[0]
    if "learning_rate" not in phase.per_member or phase.searches:
        return None
    wild: Any = phase
    return replace(configuration, phases=(replace(wild, learning_rate=1e36),))
