"""The trajectory store: a run is done if, and only if, it is committed here.

A run is ``<run_id>.parquet``, its trajectory; ``<run_id>.safetensors``, its parameters, and
``<run_id>.fields.safetensors``, its fields, if it left any; and then ``<run_id>.json``, the
manifest that vouches for all of them. The manifest's existence is the commit; other files without
one are written anew. Nothing committed is ever overwritten or deleted: a second result that differs
from the first goes to ``conflicts/``, a damaged one to ``set-aside/``.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pyarrow as pa

from pinn_core.numerics import numerics, sources
from pinn_core.records.committed import check_content, manifest_from, trajectory_from
from pinn_core.records.fields import Fields, decoded_fields, encoded_fields
from pinn_core.records.parameters import check_vouched, decoded, encoded, voucher
from pinn_core.records.trajectory import (
    Manifest,
    Trajectory,
    TrajectoryError,
    UnknownSchema,
    read_parquet,
    write_parquet,
)
from sweeps.errors import StudyError
from sweeps.store import checkpoints, cohorts, observed
from sweeps.store.blob_store import READERS, blob_store_at
from sweeps.store.leases import Lost
from sweeps.study.plan import Run

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

PARAMETERS, FIELDS = "safetensors", "fields.safetensors"
ENDINGS = ("json", "parquet", PARAMETERS, FIELDS)
"""Of the files that a run may have, the manifest first."""

_MANIFEST = re.compile(r"([0-9a-f]{16})\.json")


class Store:
    """The committed runs under ``root``, a folder's path or an address (``s3://bucket/folder``).

    Several processes and hosts may commit at once. Nothing is created before the first commit.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._blobs = blob_store_at(root)

    def commit(
        self,
        run: Run,
        trajectory: Trajectory,
        *,
        environment: Mapping[str, str],
        device: str,
        threads: int,
        pack_size: int,
        started: float,
        seconds: float,
    ) -> Manifest:
        """Make ``trajectory`` the result of ``run``; returns the manifest that stands.

        A second commit of the same digest changes nothing; a differing one is set aside under
        ``conflicts/`` and logged. ``started`` is in unix seconds, ``seconds`` the wall time
        per run. Raises ``CannotWrite``.
        """
        content = _encoded(trajectory, run.run_id)
        files, left, fields = {"parquet": content}, trajectory.parameters, trajectory.fields
        if left:
            files[PARAMETERS] = encoded(left, run.run_id)
        if fields:
            files[FIELDS] = encoded_fields(fields, run.run_id)
        ended = trajectory.pruned_at
        manifest = Manifest(
            run_id=run.run_id,
            study=run.study,
            model=run.model,
            stage=run.stage,
            configuration=run.configuration.to_dict(),
            varied=dict(run.varied),
            seed=run.seed,
            steps=run.configuration.steps if ended is None else ended,
            diverged_at=trajectory.diverged_at,
            pruned_at=ended,
            digest=trajectory.digest(),
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            environment=dict(environment),
            device=device,
            threads=threads,
            pack_size=pack_size,
            started=started,
            seconds=seconds,
            rule=run.rule,
            plugins=sources(run.configuration.to_dict()),
            numerics=numerics(run.configuration.to_dict(), environment.get("backend", "")),
            parameters=voucher(files[PARAMETERS], left) if left else {},
            fields=voucher(files[FIELDS], fields.steps) if fields else {},
        )
        while True:
            try:
                with self._blobs.alone(run.run_id):
                    return self._commit_alone(files, manifest)
            except Lost:  # this process was away, and another may have committed the run
                continue

    def __contains__(self, run_id: str) -> bool:
        """Whether a run is committed: it has a manifest and a trajectory."""
        return all(self._blobs.exists(f"{run_id}.{ending}") for ending in ("json", "parquet"))

    def committed(self) -> set[str]:
        """Ids of all committed runs; lists the whole folder."""
        names = set(self._blobs.names())
        stems = {match[1] for name in names if (match := _MANIFEST.fullmatch(name))}
        return {stem for stem in stems if f"{stem}.parquet" in names}

    def manifest(self, run_id: str) -> Manifest:
        """The manifest of a committed run; raises ``TrajectoryError`` naming a damaged file."""
        name = f"{run_id}.json"
        where = self._blobs.where(name)
        try:
            content = self._blobs.read(name)
        except FileNotFoundError:
            raise TrajectoryError(f"{where}: run {run_id} is not in the store") from None
        return manifest_from(content, run_id, where)

    def manifests(self) -> list[Manifest]:
        """The manifests of all committed runs, by run id."""
        return _at_once(self.manifest, sorted(self.committed()))

    def read(self, run_id: str) -> Trajectory:
        """A committed run's trajectory, every checksum verified; raises ``TrajectoryError``."""
        manifest = self.manifest(run_id)
        return trajectory_from(self._content(run_id), manifest, self.where(run_id))

    def columns(self, run_id: str, names: Sequence[str]) -> Trajectory:
        """Those of these columns that a committed run's trajectory has; the file is verified.

        Takes a tenth of the time of ``read``. Raises ``TrajectoryError``.
        """
        content = pa.BufferReader(self.content(self.manifest(run_id)))
        return read_parquet(content, self.where(run_id), names)

    def content(self, manifest: Manifest) -> bytes:
        """The Parquet file that ``manifest`` vouches for, byte for byte.

        Raises ``TrajectoryError`` if it is gone or not what was committed.
        """
        content = self._content(manifest.run_id)
        check_content(content, manifest, self.where(manifest.run_id))
        return content

    def parameters(self, run_id: str) -> dict[int, np.ndarray]:
        """A committed run's parameters (P,) by step, verified; empty where it left none.

        Raises ``TrajectoryError``.
        """
        content = self.further_content(self.manifest(run_id)).get(PARAMETERS)
        return decoded(content, run_id, self.where(run_id, PARAMETERS)) if content else {}

    def fields(self, run_id: str) -> Fields | None:
        """A committed run's fields, verified; None without any. Raises ``TrajectoryError``."""
        content = self.further_content(self.manifest(run_id)).get(FIELDS)
        return decoded_fields(content, run_id, self.where(run_id, FIELDS)) if content else None

    def further_content(self, manifest: Manifest) -> dict[str, bytes]:
        """The files of parameters and of fields that ``manifest`` vouches for, by their ending.

        Raises ``TrajectoryError`` if one is gone or not what was committed.
        """
        found = {}
        for ending, vouched in ((PARAMETERS, manifest.parameters), (FIELDS, manifest.fields)):
            if vouched:
                found[ending] = self._content(manifest.run_id, ending)
                check_vouched(found[ending], vouched, self.where(manifest.run_id, ending))
        return found

    def _content(self, run_id: str, ending: str = "parquet") -> bytes:
        """The bytes of one of a committed run's files, as they are."""
        try:
            return self._blobs.read(f"{run_id}.{ending}")
        except FileNotFoundError:
            message = f"{self.where(run_id, ending)}: is missing, its manifest is there"
            raise TrajectoryError(message) from None

    def where(self, run_id: str, ending: str = "parquet") -> str:
        """The path or URI of a run's Parquet file, or of another of its files."""
        return self._blobs.where(f"{run_id}.{ending}")

    def conflicts(self) -> list[str]:
        """Files of results that differed from the one that stands."""
        return [self._blobs.where(f"conflicts/{name}") for name in self._blobs.names("conflicts")]

    def damaged(self) -> dict[str, str]:
        """What is wrong with committed runs whose files are not what was committed, by run id.

        Raises ``StudyError`` for files of another version of this program: they are not damaged.
        """
        committed = sorted(self.committed())
        problems = zip(committed, _at_once(self._problem, committed), strict=True)
        return {run_id: problem for run_id, problem in problems if problem}

    def remove_leftovers(self) -> None:
        """Remove the unfinished files of killed writers; waits for a writer that is at work."""
        if self._blobs.names():
            with self._blobs.alone("leftovers"):
                for folder in (
                    "",
                    "conflicts",
                    checkpoints.FOLDER,
                    cohorts.FOLDER,
                    observed.FOLDER,
                ):
                    self._blobs.remove_leftovers(folder)

    def set_damaged_aside(self) -> dict[str, str]:
        """Move the files of every damaged run to ``set-aside/``, so that it counts as not done.

        Returns what was wrong, by run id. Only the driver that holds the study's lock may do this.
        """
        damaged = self.damaged()
        for run_id in damaged:
            self._set_aside(run_id)
        return damaged

    def _problem(self, run_id: str) -> str:
        try:
            manifest = self.manifest(run_id)
            self.content(manifest)
            self.further_content(manifest)
        except UnknownSchema as error:
            raise StudyError(str(error)) from None
        except TrajectoryError as error:
            return str(error)
        return ""

    def _set_aside(self, run_id: str) -> None:
        """The manifest first: without it the run is not committed, whatever happens next."""
        taken = {name.partition(".")[0] for name in self._blobs.names("set-aside")}
        number = next(n for n in range(1, len(taken) + 2) if f"{run_id}-{n}" not in taken)
        for ending in ENDINGS:
            if self._blobs.exists(f"{run_id}.{ending}"):
                self._blobs.move(f"{run_id}.{ending}", f"set-aside/{run_id}-{number}.{ending}")

    def _commit_alone(self, files: Mapping[str, bytes], manifest: Manifest) -> Manifest:
        """Commit a result, or set it aside if another differs; returns the manifest that stands."""
        run_id = manifest.run_id
        if run_id not in self:
            self._put(run_id, files, manifest)
            return manifest
        standing = self.manifest(run_id)
        if standing.digest != manifest.digest:
            rival = f"conflicts/{run_id}.{manifest.digest[:8]}"
            self._put(rival, files, manifest)
            log.warning("%s", _conflict(standing, manifest, self._blobs.where(rival)))
        return standing

    def _put(self, stem: str, files: Mapping[str, bytes], manifest: Manifest) -> None:
        for ending, content in files.items():
            self._blobs.write(f"{stem}.{ending}", content)
        self._blobs.write(f"{stem}.json", manifest.to_json().encode())


def _at_once(ask: Callable[[str], Answer], run_ids: Sequence[str]) -> list[Answer]:
    """Answers for many runs, in their order; side by side, for a distant store is slow to begin."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(ask, run_ids))


def _encoded(trajectory: Trajectory, run_id: str) -> bytes:
    sink = pa.BufferOutputStream()
    write_parquet(trajectory, sink, {"run_id": run_id})
    return bytes(sink.getvalue())


def _conflict(standing: Manifest, rival: Manifest, where: str) -> str:
    return (
        f"run {rival.run_id} was computed twice with different numbers: the first result stands"
        f" (device {standing.device}, pack of {standing.pack_size}), the second one"
        f" (device {rival.device}, pack of {rival.pack_size}) is set aside as {where}.parquet"
    )
