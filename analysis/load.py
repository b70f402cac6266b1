"""A study, finished or not, as pandas frames: from its store or from MLflow, the same numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from cachetools import LRUCache, cached
from pyarrow import fs

from pinn_core.messages import closest
from pinn_core.records.committed import check_content, manifest_from
from pinn_core.records.fields import Fields, decoded_fields
from pinn_core.records.parameters import check_vouched
from pinn_core.records.trajectory import Manifest, TrajectoryError, read_parquet

if TYPE_CHECKING:
    from mlflow import MlflowClient

READERS = 16  # manifests read at a time
CACHED = 2**28  # bytes of trajectories kept in memory; one of 1 000 rows has some 300 kB
ENDS = ("diverged_at", "pruned_at")
PLAIN = ("run_id", "model", "stage", "seed", "steps", *ENDS, "seconds", "started")
PLACE = ("device", "threads", "pack_size", "digest")


class NoRuns(ValueError):
    """There is no committed run where a study was looked for; the message is for the user."""


def stopped_early(runs: pd.DataFrame) -> pd.Series[bool]:
    """Which runs the search did not train to their end, because others did better."""
    return runs.get("pruned_at", pd.Series(None, runs.index, dtype=object)).notna()


@dataclass(frozen=True)
class StudyData:
    """A study's runs and, when asked for, their trajectories.

    `runs` has the index `run_id` and the columns `model`, `stage`, `seed`, `steps`, `diverged_at`,
    `pruned_at` (where the search stopped it early), `seconds`, `started`, `device`, `threads`,
    `pack_size`, `digest`, `environment.<package>`, `setting` (the varied keys and values in words;
    equal for the runs of one configuration), and the flattened configuration (`network.width`,
    `phases.0.learning_rate`, ...).
    `varied` are the dotted keys that the search varied. `read` gets one trajectory by its run id,
    `read_columns`, where there is one, some columns of it, which is quicker; `read_fields` gets a
    run's fields.
    """

    name: str
    runs: pd.DataFrame
    varied: list[str]
    read: Callable[[str], pd.DataFrame]
    read_columns: Callable[[str, Sequence[str]], pd.DataFrame] | None = None
    read_fields: Callable[[str], Fields | None] | None = None

    def trajectory(self, run_id: str) -> pd.DataFrame:
        """One run's trajectory: index `step`, columns as in the file, `sketch` of arrays or None.

        The run is named by its id or the beginning of it. The frame is the caller's to change.
        Raises KeyError for a run that the study does not have and where several ids begin so,
        TrajectoryError for a file that is damaged or missing.
        """
        return self.read(self._whole_id(run_id)).copy(deep=False)

    def columns(self, run_id: str, names: Sequence[str]) -> pd.DataFrame:
        """Those of these columns that a run's trajectory has; raises as `trajectory` does.

        What looks at every run of a study for a number or two reads no more than that.
        """
        run_id = self._whole_id(run_id)
        if self.read_columns is not None:
            return self.read_columns(run_id, names)
        found = self.read(run_id)
        return found[[name for name in names if name in found]]

    def fields(self, run_id: str) -> Fields | None:
        """A run's fields, None where it left none; raises as `trajectory` does."""
        run_id = self._whole_id(run_id)
        return self.read_fields(run_id) if self.read_fields else None

    def _whole_id(self, run_id: str) -> str:
        """The id that is or begins with `run_id`; raises KeyError unless there is one."""
        if run_id in self.runs.index:
            return run_id
        alike = [str(one) for one in self.runs.index if run_id and one.startswith(run_id)]
        if not alike:
            raise KeyError(f"study {self.name!r} has no run {run_id!r}")
        if len(alike) > 1:
            raise KeyError(f"run {run_id!r}: {len(alike)} runs begin so: {', '.join(alike[:4])}")
        return alike[0]


def from_store(directory: str | Path, name: str) -> StudyData:
    """A study from its store: a local folder or a pyarrow filesystem URI (`s3://...`).

    Raises NoRuns if nothing is committed there, TrajectoryError for a damaged manifest.
    """
    if "://" in str(directory):
        filesystem, root = fs.FileSystem.from_uri(str(directory))
    else:
        filesystem, root = fs.LocalFileSystem(), str(directory)

    def fetch(file: str) -> bytes:
        with filesystem.open_input_file(f"{root}/{file}") as source:
            content: bytes = source.read()
        return content

    infos = filesystem.get_file_info(fs.FileSelector(root, allow_not_found=True))
    return from_files(directory, name, [info.base_name for info in infos], fetch)


def from_files(
    directory: str | Path, name: str, files: Iterable[str], fetch: Callable[[str], bytes]
) -> StudyData:
    """A study from the names of the files in a store, each of which `fetch` reads.

    Raises NoRuns if nothing is committed there, TrajectoryError for a damaged manifest.
    """
    committed = [file.removesuffix(".json") for file in files if file.endswith(".json")]
    if not committed:
        raise NoRuns(f"{directory}: no committed run, expected <run_id>.json and .parquet files")
    return _study(name, committed, fetch)


def from_mlflow(tracking_uri: str, experiment: str) -> StudyData:
    """The same study from the artifacts of an MLflow experiment's finished child runs.

    Raises NoRuns if there is no such experiment or no finished run in it.
    """
    from mlflow import MlflowClient

    # Thousands of small files: a progress bar for each would bury everything else on the screen.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    client = MlflowClient(tracking_uri)
    published = dict(_published(client, tracking_uri, experiment))
    if not published:
        raise NoRuns(f"{tracking_uri}: experiment {experiment!r} has no finished run of a study")

    def fetch(file: str) -> bytes:
        with TemporaryDirectory() as folder:
            source = published[file.partition(".")[0]]
            local = client.download_artifacts(source, f"trajectory/{file}", folder)
            return Path(local).read_bytes()

    return _study(experiment, published, fetch)


def _published(
    client: MlflowClient, tracking_uri: str, experiment: str
) -> Iterator[tuple[str, str]]:
    """Our run id and MLflow's of every finished child run; the oldest last, so that it wins."""
    found = client.get_experiment_by_name(experiment)
    if found is None:
        names = [each.name for each in client.search_experiments()]
        listed = f"{', '.join(names)}{closest(experiment, names)}"
        raise NoRuns(f"{tracking_uri}: no experiment {experiment!r}, found {listed}")
    token: str | None = None
    while token != "":
        page = client.search_runs(
            [found.experiment_id],
            "tags.run_id IS NOT NULL AND attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        for run in page:
            yield run.data.tags["run_id"], run.info.run_id
        token = page.token or ""


def _bytes(frame: pd.DataFrame) -> int:
    return int(frame.memory_usage().sum())


def _study(name: str, run_ids: Iterable[str], fetch: Callable[[str], bytes]) -> StudyData:
    """A study whose files (`<run_id>.json`, `<run_id>.parquet`, ...) are got by `fetch`."""
    names = sorted(run_ids)
    with ThreadPoolExecutor(READERS) as pool:  # a distant store is slow to begin
        known = dict(zip(names, pool.map(lambda one: _manifest(one, fetch), names), strict=True))

    def table(run_id: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        file = f"{run_id}.parquet"
        content = _content(file, fetch)
        check_content(content, known[run_id], file)
        read = read_parquet(pa.BufferReader(content), file, columns)
        frame: pd.DataFrame = read.table.to_pandas()
        return frame

    @cached(LRUCache(CACHED, _bytes), lock=Lock())
    def read(run_id: str) -> pd.DataFrame:
        return table(run_id).set_index("step")

    def fields(run_id: str) -> Fields | None:
        if not known[run_id].fields:
            return None
        file = f"{run_id}.fields.safetensors"
        content = _content(file, fetch)
        check_vouched(content, known[run_id].fields, file)
        return decoded_fields(content, run_id, file)

    runs = pd.DataFrame([_row(manifest) for manifest in known.values()])
    for end in ENDS:
        runs[end] = runs[end].astype("Int64")
    runs["rerun"] = runs["stage"] == "rerun"
    runs = runs.sort_values(["model", "rerun", "seed", "run_id"]).drop(columns="rerun")
    varied = dict.fromkeys(key for manifest in known.values() for key in manifest.varied)
    return StudyData(name, runs.set_index("run_id"), list(varied), read, table, fields)


def _manifest(run_id: str, fetch: Callable[[str], bytes]) -> Manifest:
    file = f"{run_id}.json"
    return manifest_from(fetch(file), run_id, file)


def _content(file: str, fetch: Callable[[str], bytes]) -> bytes:
    """A file that a manifest vouches for; raises TrajectoryError where it is gone."""
    try:
        return fetch(file)
    except FileNotFoundError:
        raise TrajectoryError(f"{file}: is missing, its manifest is there") from None


def _row(manifest: Manifest) -> dict[str, Any]:
    return {
        **{field: getattr(manifest, field) for field in PLAIN + PLACE},
        **{f"environment.{package}": text for package, text in manifest.environment.items()},
        "setting": ", ".join(f"{key}={value}" for key, value in manifest.varied.items()),
        **dict(_flat(manifest.configuration)),
        **manifest.varied,
    }


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Nested dicts and lists as dotted keys: `phases.0.learning_rate`."""
    if isinstance(value, Mapping):
        parts = [(str(name), part) for name, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(str(place), part) for place, part in enumerate(value)]
    else:
        yield key, value
        return
    for name, part in parts:
        yield from _flat(part, f"{key}.{name}" if key else name)
