"""The parameters of any step of a committed run: it is trained again up to that step."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pinn_core.configuration import Configuration
from pinn_core.numerics import sources
from pinn_core.parts import FAMILIES
from pinn_core.records.trajectory import Manifest, Trajectory
from pinn_core.training.checkpoint import Checkpointing, every_seconds, step_of
from pinn_core.training.trainer import Member, train
from sweeps.checking.replay import EXACTLY, LEFT_OUT, device_of, first_difference, manner_of
from sweeps.errors import StudyError, closest, quoted
from sweeps.execution.training import CHECKPOINT_EVERY
from sweeps.store.observed import load_observations
from sweeps.store.store import Store
from sweeps.store.writing import writing
from sweeps.study.study import configuration_of

OF_THE_PARAMETERS = ["step", "update/distance", "sketch"]
"""Columns that follow from a row's parameters and the first ones alone."""


@dataclass(frozen=True)
class Replayed:
    """What a run's training gave when it was done again up to ``step``.

    ``began`` is the step of the checkpoint that it went on from, 0 for the seed. ``manner`` says
    how closely the run can be repeated here, ``digest`` is that of the rows before ``step``, and
    ``difference`` is the first cell that did not come out as stored, in words; None: they all did.
    """

    run_id: str
    step: int
    began: int
    parameters: np.ndarray
    manner: str
    digest: str
    difference: str | None

    @property
    def exact(self) -> bool:
        """Whether the parameters are those of the run, to the bit."""
        return self.manner == EXACTLY and self.difference is None

    @property
    def in_words(self) -> str:
        """What came out, for the screen."""
        start = f"from the checkpoint of step {self.began}" if self.began else "from the seed"
        run = f"run {self.run_id} to step {self.step}, {start}"
        if self.difference:
            return f"{run}: does not come out as stored ({self.manner}): {self.difference}"
        if self.exact:
            return f"{run}: {self.manner}, digest of the {self.step} rows before it {self.digest}"
        return f"{run}: {self.manner}; the parameters are this machine's, close to those of the run"


def replay_run(
    store: Store,
    manifest: Manifest,
    step: int,
    keep: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Train a run again up to ``step``, and compare what it records with the store.

    It begins with the nearest checkpoint that an earlier replay left in the folder ``keep``, or
    with the seed; and leaves one at ``step`` and every five minutes. Raises ``StudyError`` for a
    step that the run has not, where the program's arithmetic or a plugin's code is another now,
    where its data are gone, and where the run diverges here.
    """
    configuration = trained_configuration(manifest)
    load_observations(store.root, [configuration])
    _check_step(manifest, step)
    manner = manner_of(manifest)
    if manner.startswith(LEFT_OUT):
        raise StudyError(
            f"run {manifest.run_id} cannot be replayed{manner.removeprefix(LEFT_OUT)}",
            topic="other-arithmetic",
        )
    record = replace(configuration.record, parameters="final", fields="none")
    member = Member(replace(configuration, record=record), manifest.seed)
    files, seldom = StepFiles(keep, step), every_seconds(CHECKPOINT_EVERY)
    began = files.nearest or 0
    (again,) = train(
        [member],
        device=device_of(manifest),
        stop_after=step,
        progress=progress,
        checkpointing=Checkpointing(files, lambda made: made == step or seldom(made)),
    )
    if step not in again.parameters:
        diverged = f"run {manifest.run_id} diverges at step {again.diverged_at} here"
        raise StudyError(f"{diverged}; {manner}")
    parameters, exact = again.parameters[step], manner == EXACTLY
    stored = store.read(manifest.run_id)
    before = replace(again, table=again.table.slice(0, step))
    difference = (
        first_difference(stored, before, exact=exact, ended=False)
        or first_difference(_described(stored, step), _described(again, step), exact=exact)
        or (_other_bits(store, manifest, step, parameters) if exact else None)
    )
    digest = replace(before, table=before.table.select(stored.table.column_names)).digest()
    return Replayed(manifest.run_id, step, began, parameters, manner, digest, difference)


def _described(trajectory: Trajectory, step: int) -> Trajectory:
    """What a step's row says of its parameters."""
    return Trajectory(trajectory.table.slice(step, 1).select(OF_THE_PARAMETERS))


def _other_bits(store: Store, manifest: Manifest, step: int, found: np.ndarray) -> str | None:
    """In which way the parameters are not those that the store has of this step, if it has any."""
    kept = store.parameters(manifest.run_id).get(step)
    if kept is None or kept.tobytes() == found.tobytes():
        return None
    return f"{int((kept != found).sum())} of {len(found)} parameters of step {step}"


def trained_configuration(manifest: Manifest) -> Configuration:
    """The configuration of a run, whose plugins have to be loaded with the code that made it.

    Raises ``StudyError``.
    """
    for part, made_by in manifest.plugins.items():
        family, _, kind = part.partition("/")
        if kind not in FAMILIES[family]:
            raise StudyError(
                f"run {manifest.run_id} needs the plugin that has the {family} {kind!r}: name the "
                "study by its file, or give the plugin with --plugin (in Python with plugins=[...])"
            )
        now = sources(manifest.configuration)[part]
        if now != made_by:
            raise StudyError(
                f"run {manifest.run_id} was made by other code of a plugin: {part} was {made_by}, "
                f"is {now}; undo the change",
                topic="plugin-code-changed",
            )
    return configuration_of(manifest.configuration)


def run_named(store: Store, name: str) -> Manifest:
    """The manifest of the run whose id is or begins with ``name``; raises ``StudyError``."""
    committed = sorted(store.committed())
    alike = [run_id for run_id in committed if name and run_id.startswith(name)]
    if len(alike) == 1:
        return store.manifest(alike[0])
    if alike:
        raise StudyError(f"run {quoted(name)}: {len(alike)} runs begin so: {', '.join(alike[:4])}")
    raise StudyError(
        f"run {quoted(name)} is none of the {len(committed)} runs in {store.root}"
        f"{closest(name, committed)}"
    )


def _check_step(manifest: Manifest, step: int) -> None:
    """Raise ``StudyError`` for a step whose parameters the run does not have."""
    last, why = manifest.steps, "the run ends there"
    if manifest.pruned_at is not None:
        why = "the search stopped the run there"
    if manifest.diverged_at is not None:
        last, why = manifest.diverged_at - 1, f"the run diverged at step {manifest.diverged_at}"
    if not 0 <= step <= last:
        raise StudyError(f"run {manifest.run_id}, step: found {step}, allowed: 0 to {last} ({why})")


@dataclass(frozen=True)
class StepFiles:
    """Checkpoints of one run, a file for each step; the nearest that is not past ``most`` is read.

    A ``CheckpointStore``.
    """

    directory: Path
    most: int

    @property
    def nearest(self) -> int | None:
        """The step of the checkpoint that is read."""
        steps = [int(file.stem) for file in self.directory.glob("*.safetensors")]
        return max((step for step in steps if step <= self.most), default=None)

    def get(self) -> bytes | None:
        """The nearest checkpoint."""
        return None if self.nearest is None else self._file(self.nearest).read_bytes()

    def put(self, content: bytes) -> None:
        """Write one beside the others; raises ``CannotWrite``."""
        file = self._file(step_of(content))
        beside = file.with_suffix(".part")
        with writing(file, len(content)):
            self.directory.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(content)
            os.replace(beside, file)

    def set_aside(self) -> None:
        """Rename the nearest, which is damaged or of another program or machine."""
        if self.nearest is not None:
            file = self._file(self.nearest)
            os.replace(file, file.with_suffix(".set-aside"))

    def clear(self) -> None:
        """Keep all: the next replay begins with the nearest."""

    def _file(self, step: int) -> Path:
        return self.directory / f"{step}.safetensors"
