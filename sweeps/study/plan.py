"""Runs, named by the hash of what they are, and packs: runs of equal shape that train together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise, product
from math import ceil
from typing import Any, Literal, get_args

from pinn_core.configuration import RULE, Configuration, canonical_json, run_id
from pinn_core.training.operations import flops, step_flops
from sweeps.errors import StudyError
from sweeps.study.parts import value_under
from sweeps.study.schedule import in_order, latest_first
from sweeps.study.space import grid_values
from sweeps.study.study import Rerun, Resources, Study, configuration_at, configuration_of

Stage = Literal["search", "rerun"]

CPU_STEP, CPU_MOST = 3e8, 12
"""Operations that a pack's update should cost on a CPU, so that Python is a small part; members.

A pack costs nothing on a CPU: a thread takes one member after the other through its steps. What a
larger one saves, its start and Python's share, is soon little. By the measured CPU seconds of every
pack of 96 small runs (``benchmarks.busy``) these constants' plan ends 3.5 % later than the best of
nine others. Studies of 24 full batches of 64 x 3 in packs of 1, 3, 4 and 12 did not differ by more
than their repetitions did, which on a machine with other work was much.
"""
GPU_STEP, GPU_MOST = 1e12, 64
"""The same on a GPU, so that the chip is full: some 20 ms at 45 TFLOP/s."""

FIELD_STEPS = 32
"""At about so many steps a run that the study chooses leaves fields."""

IDLE = 0.02
"""Part of the slots' time that may idle at the end before packs are cut for it."""


@dataclass(frozen=True)
class Run:
    """One training run: a configuration and a seed, and why it is made.

    Its name is their hash by ``rule``. ``varied`` maps the dotted keys that the search varied to
    this run's values.
    """

    run_id: str
    study: str
    model: str
    stage: Stage
    configuration: Configuration
    seed: int
    varied: dict[str, Any]
    rule: int = RULE

    def to_dict(self) -> dict[str, Any]:
        """As plain data that travels as JSON."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**plain, "configuration": self.configuration.to_dict()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Run":
        """Read back; raises ``StudyError`` if a key is amiss or the name is not the content's."""
        names = [field.name for field in fields(cls)]
        if sorted(plain) != sorted(names):
            found = ", ".join(sorted(plain)) or "none"
            raise StudyError(f"run: found the keys {found}, allowed: {', '.join(names)}")
        if plain["stage"] not in get_args(Stage):
            raise StudyError(f"run: found the stage {plain['stage']!r}, allowed: search, rerun")
        run = cls(**{**plain, "configuration": configuration_of(plain["configuration"])})
        true_id = run_id(run.configuration, run.seed, run.rule)
        if run.run_id != true_id:
            raise StudyError(f"run {run.run_id}: its configuration and seed are run {true_id}'s")
        return run


@dataclass(frozen=True)
class PackPlan:
    """Runs of one shape that are trained together; named by the hash of their names."""

    pack_id: str
    runs: tuple[Run, ...]

    @cached_property
    def flops(self) -> float:
        """Estimated floating point operations of all its runs, which share what Python costs."""
        return flops(self.runs[0].configuration, len(self.runs))


def search_runs(study: Study, model: str, point: Mapping[str, Any]) -> list[Run]:
    """The runs of a model's search at a point (values by dotted key) of its space, by seed."""
    first = search_run(study, model, point)
    seeds = range(first.seed + 1, first.seed + study.search.seeds)
    return [first, *(_with_seed(first, seed, "search") for seed in seeds)]


def search_run(study: Study, model: str, point: Mapping[str, Any]) -> Run:
    """The first of them."""
    configuration = configuration_at(study, model, point)
    varied = {key: value_under(configuration, key) for key in point}
    seed = study.search.seed
    name = run_id(configuration, seed, study.rule)
    return Run(name, study.name, model, "search", configuration, seed, varied, study.rule)


def rerun_runs(study: Study, model: str, chosen: Sequence[Run]) -> list[Run]:
    """The chosen runs' configurations, each with as many seeds, which the search did not use.

    A model that varies nothing has no search: its one configuration is run, with the seeds of the
    other models, so that runs can be paired. The first run of the best leaves fields, if
    ``record.fields`` leaves it to the study.
    """
    if not study.models[model].space:
        chosen = [search_run(study, model, {})]
    first = _first_seed(study, model)
    runs = [
        _with_seed(run, seed, "rerun")
        for run in chosen
        for seed in range(first, first + rerun_of(study, model).seeds)
    ]
    shown = [replace(run, configuration=with_fields(run.configuration)) for run in runs[:1]]
    return [*shown, *runs[1:]]


def with_fields(configuration: Configuration) -> Configuration:
    """The same training, which leaves fields unless its ``record.fields`` says how many."""
    record = configuration.record
    if record.fields != "auto":
        return configuration
    return replace(configuration, record=replace(record, fields=FIELD_STEPS))


def _first_seed(study: Study, model: str) -> int:
    """The seed after the search's last, or its first where there is no search.

    By rule 1, under which the first studies began, each model goes by its own search alone.
    """
    models = study.models if study.rule > 1 else [model]
    searched = any(study.models[name].space for name in models)
    return study.search.seed + study.search.seeds if searched else study.search.seed


def rerun_of(study: Study, model: str) -> Rerun:
    """How a model's best are repeated: its own rule, else the study's."""
    return study.models[model].rerun or study.rerun


def _with_seed(run: Run, seed: int, stage: Stage) -> Run:
    name = run_id(run.configuration, seed, run.rule)
    return replace(run, run_id=name, stage=stage, seed=seed)


def model_points(study: Study, model: str) -> list[dict[str, Any]]:
    """The full grid of a model's space, the last key fastest; one empty point if it is empty."""
    space = study.models[model].space
    grid = product(*(grid_values(values) for values in space.values()))
    return [dict(zip(space, point, strict=True)) for point in grid]


def make_pack(runs: Sequence[Run]) -> PackPlan:
    """A pack of these runs, which must have one shape."""
    names = canonical_json([run.run_id for run in runs])
    return PackPlan(blake2b(names.encode(), digest_size=8).hexdigest(), tuple(runs))


def make_packs(runs: Iterable[Run], resources: Resources, slots: int) -> list[PackPlan]:
    """Packs of runs with one shape, the longest first; ``slots`` packs can train at a time.

    With ``pack: auto`` no pack is larger than a slot's share of the runs, and beyond that as large
    as pays: on a CPU while an update is cheap (``CPU_STEP``), on a GPU until it is busy. On CPUs
    packs are cut where some slots would else wait for others; on a GPU, packs that are left have it
    for themselves.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.configuration.shape_key(), []).append(run)
    share = ceil(sum(map(len, groups.values())) / max(slots, 1))
    packs = _sorted(
        pack for group in groups.values() for pack in _packs(group, resources, share, slots)
    )
    return _cut(packs, slots) if resources.pack == "auto" and not resources.gpus else packs


def _sorted(packs: Iterable[PackPlan]) -> list[PackPlan]:
    return sorted(packs, key=lambda pack: pack.flops, reverse=True)


def _cut(packs: list[PackPlan], slots: int) -> list[PackPlan]:
    """Halve the last pack of the slot that ends last as long as slots then end earlier."""
    while True:
        costs = [pack.flops for pack in packs]
        taken = in_order(costs, slots)
        ends = [sum(costs[piece] for piece in slot) for slot in taken]
        last = taken[ends.index(max(ends))]
        place = next((piece for piece in reversed(last) if len(packs[piece].runs) > 1), None)
        if place is None or sum(ends) >= (1 - IDLE) * slots * max(ends):
            return packs
        whole = packs[place].runs
        halves = [make_pack(whole[: len(whole) // 2]), make_pack(whole[len(whole) // 2 :])]
        finer = _sorted([*packs[:place], *packs[place + 1 :], *halves])
        if latest_first([pack.flops for pack in finer], slots) >= sorted(ends, reverse=True):
            return packs
        packs = finer


def _packs(
    group: Sequence[Run], resources: Resources, share: int, slots: int
) -> Iterator[PackPlan]:
    """The group in packs; on CPUs of about one size, and in full rounds if there are several."""
    size = resources.pack if resources.pack != "auto" else _auto_size(group, resources, share)
    if resources.pack == "auto" and not resources.gpus:
        count = ceil(len(group) / size)
        if count > slots:
            count = min(len(group), slots * ceil(count / slots))
        edges = [len(group) * place // count for place in range(count + 1)]
    else:
        edges = [*range(0, len(group), size), len(group)]
    for start, end in pairwise(edges):
        yield make_pack(group[start:end])


def _auto_size(group: Sequence[Run], resources: Resources, share: int) -> int:
    step = step_flops(group[0].configuration)
    if resources.gpus:
        size = max(1, min(GPU_MOST, int(GPU_STEP / step), share))
        return 1 << (size.bit_length() - 1)  # few shapes, so that few graphs are captured
    return max(1, min(CPU_MOST, int(CPU_STEP / step), share))
