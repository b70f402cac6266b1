"""What a study asks for against what is there, with numbers, before anything is created."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import Any

from pinn_core.configuration import Configuration
from pinn_core.training.fields import field_bytes
from pinn_core.training.footprint import grid_bytes, member_needs, trajectory_bytes
from pinn_core.training.snapshots import snapshot_bytes
from sweeps.errors import StudyError
from sweeps.execution.machines import Machine, with_room
from sweeps.search.search import planned_configurations
from sweeps.store.address import is_address, nearest_folder
from sweeps.study.plan import rerun_of, with_fields
from sweeps.study.space import Choices, Range
from sweeps.study.study import Study, configuration_at

MOST_RUNS = 1_000_000
"""Of a study: its driver keeps some memory for each."""

MOST_NETWORKS = 256
"""Of a space: as many are looked at for the mean size of what they leave."""

SMALLER = {
    "layers": "network.width, network.depth, objective.batch or the problem's points",
    "parameters": "network.width or network.depth",
    "record": "the steps of phases, or take a larger record.sketch_every",
    "snapshots": "record.parameters or record.fields",
    "landscape": "network.width, network.depth or what record asks of the loss landscape",
    "grid": "the problem's points",
}
"""What to make smaller, by what takes most of a run's memory."""


@dataclass(frozen=True)
class Size:
    """What the largest run of a model takes, and how many runs the model has."""

    model: str
    configuration: Configuration
    needs: Mapping[str, int]
    """Bytes of memory that one run alone takes, by what they are for."""
    runs: int
    parameters: int
    """Bytes of parameters that a run leaves in the store, on average."""
    fields: int
    """Bytes of fields that all runs leave in the store together."""

    @property
    def memory(self) -> int:
        """Bytes of memory that one run alone takes."""
        return sum(self.needs.values())

    @property
    def stored(self) -> int:
        """Bytes that a run leaves in the store without fields, its trajectory uncompressed."""
        return trajectory_bytes(self.configuration) + self.parameters

    @property
    def total(self) -> int:
        """Bytes that all runs leave in the store."""
        return self.runs * self.stored + self.fields


def sizes(study: Study) -> list[Size]:
    """Of every model; costs no more than a few configurations, and no grid is made."""
    found = []
    for model in study.models:
        configuration, runs = _largest(study, model), _runs(study, model)
        shown = with_fields(configuration)
        of_all = runs if shown == configuration else 1
        found.append(
            Size(
                model,
                configuration,
                _needs(shown),
                runs,
                _mean_parameters(study, model),
                of_all * field_bytes(shown),
            )
        )
    return found


def refuse_too_large(
    study: Study, machines: Sequence[Machine], home: str, committed: int = 0
) -> list[Size]:
    """The sizes of the study's models, if there is room for all.

    Raises ``StudyError`` if a run fits into no memory, or all runs onto no disk. ``home`` is where
    the store is, ``committed`` how many runs are in it.
    """
    models = sizes(study)
    runs = sum(model.runs for model in models)
    if runs > MOST_RUNS:
        raise StudyError(
            f"the study asks for {runs} runs, allowed: at most {MOST_RUNS}; "
            "change search.runs, rerun.top or rerun.seeds"
        )
    for model in models:
        _refuse_memory(model, with_room(machines, study.resources), gpus=study.resources.gpus > 0)
    _refuse_store(models, max(0, runs - committed), home)
    return models


def in_words(models: Sequence[Size]) -> str:
    """How large a study with these models is, in words."""
    memory = max(one.memory for one in models)
    stored = sum(one.total for one in models)
    parameters = sum(one.runs * one.parameters for one in models)
    fields = sum(one.fields for one in models)
    return (
        f"{sum(one.runs for one in models)} runs, each up to {shown(memory)} of memory, "
        f"all together about {shown(stored)} in the store, {shown(parameters)} of it parameters, "
        f"{shown(fields)} fields"
    )


def _refuse_memory(size: Size, machines: Sequence[Machine], *, gpus: bool) -> None:
    known = [(each.gpu_memory if gpus else each.memory, each.name) for each in machines]
    there, name = min(((memory, name) for memory, name in known if memory), default=(None, ""))
    if there is None or size.memory <= there:
        return
    most = max(size.needs, key=lambda what: size.needs[what])
    raise StudyError(
        f"models.{size.model}: one run takes about {shown(size.memory)} of memory "
        f"({_described(size.configuration)}), {name} has {shown(there)}{' on a GPU' * gpus}; "
        f"most is for the {most}: change {SMALLER[most]}",
        topic="too-little-memory",
    )


def _refuse_store(models: Sequence[Size], missing: int, home: str) -> None:
    if is_address(home) or not models:
        return
    fields = sum(model.fields for model in models)
    most = missing * max(model.stored for model in models) + fields
    asked = min(sum(model.total for model in models), most)
    folder = nearest_folder(Path(home))
    free = shutil.disk_usage(folder).free
    if asked > free:
        raise StudyError(
            f"{missing} runs leave about {shown(asked)} in the store, {folder} has {shown(free)} "
            "free; change the steps of phases, record.sketch_every, record.parameters, "
            "record.fields, search.runs or rerun.seeds, or say with --runs-dir or --store where "
            "there is more room",
            topic="no-room-on-the-disk",
        )


def _runs(study: Study, model: str) -> int:
    rerun = rerun_of(study, model)
    if not study.models[model].space:
        return rerun.seeds
    search = planned_configurations(study, model) * study.search.seeds
    return search + min(search, rerun.top) * rerun.seeds


def _largest(study: Study, model: str) -> Configuration:
    """The configuration of a model's space that takes most memory, chosen key by key."""
    space = study.models[model].space
    point = {key: _ends(values)[0] for key, values in space.items()}
    for key, values in space.items():
        point[key] = max(_ends(values), key=lambda value: _memory(study, model, point, key, value))
    return configuration_at(study, model, point)


def _mean_parameters(study: Study, model: str) -> int:
    """Bytes of parameters that a run leaves: the mean over what the space varies of them."""
    ends = {key: _ends(values) for key, values in study.models[model].space.items()}
    point = {key: values[0] for key, values in ends.items()}

    def left(change: Mapping[str, Any]) -> int | None:
        try:
            return snapshot_bytes(configuration_at(study, model, {**point, **change}))
        except StudyError:  # these values do not go together
            return None

    varied = {
        key: _values(study.models[model].space[key])
        for key, values in ends.items()
        if len({left({key: value}) for value in values}) > 1
    }
    every = prod(map(len, varied.values())) // MOST_NETWORKS + 1
    chosen = islice(product(*varied.values()), 0, None, every)
    sizes_left = [left(dict(zip(varied, values, strict=True))) for values in chosen]
    known = [size for size in sizes_left if size is not None]
    return round(sum(known) / max(len(known), 1))


def _values(values: Choices | Range) -> list[Any]:
    """The values of a key; of a range its ends."""
    return _ends(values) if isinstance(values, Range) else list(values)


def _memory(study: Study, model: str, point: Mapping[str, Any], key: str, value: Any) -> int:  # noqa: ANN401
    try:
        return sum(_needs(configuration_at(study, model, {**point, key: value})).values())
    except StudyError:  # these two values do not go together
        return 0


def _ends(values: Choices | Range) -> list[Any]:
    """The values of a key between which all others are, as far as memory goes."""
    if isinstance(values, Range):
        return [values.low, values.high]
    numbers = [value for value in values if isinstance(value, int | float)]
    others = [value for value in values if not isinstance(value, int | float)]
    return [*others, *({min(numbers), max(numbers)} if numbers else ())]


def _needs(configuration: Configuration) -> dict[str, int]:
    return {**member_needs(configuration), "grid": grid_bytes(configuration.problem)}


def _described(configuration: Configuration) -> str:
    stack, problem = configuration.stack(), configuration.problem
    return (
        f"network.width {max(stack.widths[1:-1])}, network.depth {len(stack.widths) - 2}: "
        f"{stack.size} parameters; {sum(problem.grid_size)} grid points, "
        f"objective.batch {configuration.objective.batch}; {configuration.steps} steps"
    )


def shown(size: int) -> str:
    """Bytes in the unit that makes a short number.

    >>> shown(3 * 2**30), shown(5 * 2**20)
    ('3.0 GB', '5.0 MB')
    """
    unit = next((unit for unit in ("GB", "MB") if size >= _UNITS[unit]), "kB")
    return f"{size / _UNITS[unit]:.1f} {unit}"


_UNITS = {"GB": 2**30, "MB": 2**20, "kB": 2**10}
