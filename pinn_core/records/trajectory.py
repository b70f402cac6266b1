"""The record of one training run: its columns, its Parquet file and the manifest beside it.

N updates give rows 0..N; row k describes the parameters theta_k. Cells that were not due are null.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pinn_core.records.fields import Fields

SCHEMA_VERSION = 1
SKETCH_SIZE = 512
SKETCH_TYPE = pa.list_(pa.float32())
LIST_TYPE = pa.list_(pa.float64())

_RUNGS = 10.0 ** (np.arange(-24, 1) / 4)
HISTOGRAM_EDGES: tuple[float, ...] = (*-_RUNGS[::-1], *_RUNGS)
"""Of a gradient's histogram, in parts of its largest entry: four bins a decade, six decades."""

COLUMNS: dict[str, str] = {
    "loss/batch": "what was optimised at this step, on this step's batch, without a penalty (l2)",
    "loss/total": "weighted sum of the objective's losses on the evaluation points",
    "loss/residual": "mean squared PDE residual over interior points",
    "loss/boundary": "mean squared mismatch of the condition 'boundary'",
    "loss/regression": "mean squared difference from the numerical solution",
    "error/relative_l2": "relative L2 distance from the exact or reference solution",
    "update/norm": "length of the update that leaves this row, |theta_k+1 - theta_k|",
    "update/cosine": "cosine between the updates into and out of this row",
    "update/distance": "distance from the initial parameters, |theta_k - theta_0|",
    "gradient/cosine": "cosine between the residual's gradient and that of the other terms' sum",
    "gradient/norm_residual": "length of the residual's gradient",
    "gradient/norm_boundary": "length of the gradient of the other terms' unweighted sum",
    "weight/boundary": "weight of the condition 'boundary' in the objective",
    "full/loss/residual": "loss/residual on the whole grid",
    "full/loss/boundary": "loss/boundary on the whole grid",
    "full/loss/regression": "loss/regression on the whole grid",
    "full/error/relative_l2": "error/relative_l2 on the whole grid",
    "held_out/loss/residual": "loss/residual at points that no run trains on",
    "work/evaluations": "evaluations of loss and gradient made up to this row, but for the record",
    "time/step_seconds": "wall seconds of the step that leaves this row, per member of the pack",
}

COMPARED: dict[str, Literal["reference", "exact"]] = {
    "loss/regression": "reference",
    "error/relative_l2": "exact",
    "full/loss/regression": "reference",
    "full/error/relative_l2": "exact",
}
"""Columns that compare with a solution, and which of the problem's solutions that is."""

OBSERVED = "error/data"
"""The column of runs with observations that says how far these are from the network."""

CONFLICT: dict[str, str] = {
    "conflict/raw": "1 where two terms' gradients conflict at this step, else 0",
    "conflict/direction": "1 where the optimizer's gradient conflicts with a term's, else 0",
    "conflict/proposal": "1 where the optimizer's update conflicts with a term's gradient, else 0",
    "conflict/applied": "1 where the update as applied conflicts with a term's gradient, else 0",
    "conflict/alignment": "2 |mean of the terms' unit gradients|^2 - 1; of two terms the cosine",
}
"""Columns of runs whose terms are looked at for conflicts; a mean over steps is a rate.

Two directions conflict where their cosine is below -1e-6, which is rounding in float32.
"""
PRECONDITIONED = "spectrum_preconditioned"
"""The kind of column that only runs with an L-BFGS phase have."""
STOP_REASONS: dict[int, str] = {
    1: "gradient within its tolerance",
    2: "change within its tolerance",
    3: "no step that descends",
    4: "loss or gradient not finite",
}
"""What the numbers of ``work/stopped`` mean, but 0: the run goes on."""

LANDSCAPE: dict[str, str] = {
    "histogram": "histograms_every",
    "curvature": "curvature_every",
    "spectrum": "spectrum_every",
    PRECONDITIONED: "spectrum_every",
    "kernel": "kernel_every",
}
"""Kinds of columns that describe the loss landscape, and the cadences that ask for them."""


def columns(
    conditions: Sequence[str],
    adaptive: bool,
    *,
    observed: Sequence[str] = (),
    compared: bool = True,
    unknowns: Mapping[str, bool] | None = None,
) -> dict[str, str]:
    """All columns of a run whose problem has these conditions; ``COLUMNS`` are in every run.

    ``adaptive`` says that the weighting may change the residual's weight too, ``observed`` are the
    names of observations; without ``compared`` there is no solution to compare with, and the
    columns of ``COMPARED`` are left out. ``unknowns`` says of each unknown of the problem whether
    its true value is known.
    """
    found = {name: meaning for name, meaning in COLUMNS.items() if compared or name not in COMPARED}
    several = len(conditions) + len(observed) > 1
    if adaptive:
        found["weight/residual"] = "weight of the residual in the objective"
    for name in conditions:
        if name != "boundary":
            found[f"loss/{name}"] = f"mean squared mismatch of the condition {name!r}"
            found[f"full/loss/{name}"] = f"loss/{name} on the whole grid"
            found[f"weight/{name}"] = f"weight of the condition {name!r} in the objective"
        if several:
            found[f"gradient/norm/{name}"] = f"length of the gradient of loss/{name}"
    for name in observed:
        found[f"loss/{name}"] = f"mean squared distance from the observations {name!r}, with noise"
        found[f"weight/{name}"] = f"weight of the observations {name!r} in the objective"
        if several:
            found[f"gradient/norm/{name}"] = f"length of the gradient of loss/{name}"
    if observed:
        found[OBSERVED] = "relative L2 distance from all observations, without added noise"
    for name, known in (unknowns or {}).items():
        found[f"unknown/{name}"] = f"the problem's unknown {name!r}"
        if known:
            found[f"error/unknown/{name}"] = f"relative distance of {name!r} from its true value"
    return found


def landscape_columns(terms: Sequence[str], kinds: Collection[str]) -> dict[str, str]:
    """The columns that diagnostics of the landscape add, for an objective's terms.

    Lists are of float64; ``read_histograms`` and ``read_spectrum`` read theirs.
    """
    found = {}
    if "histogram" in kinds:
        for name in terms:
            found[f"histogram/{name}"] = (
                f"histograms of loss/{name}'s gradient, a layer each (list)"
            )
    for name in ("total", *terms):
        loss = "what is optimised" if name == "total" else f"loss/{name}"
        if "curvature" in kinds:
            found[f"curvature/{name}"] = f"largest eigenvalue of the Hessian of {loss}"
        if "spectrum" in kinds:
            found[f"spectrum/{name}"] = f"spectral density of the Hessian of {loss} (list)"
        if PRECONDITIONED in kinds:
            found[f"{PRECONDITIONED}/{name}"] = (
                f"spectral density of L-BFGS' inverse Hessian times that of {loss} (list)"
            )
        if "kernel" in kinds:
            of = "all terms together" if name == "total" else loss
            found[f"kernel/{name}"] = f"eigenvalues of the tangent kernel of {of}, falling (list)"
    return found


def read_histograms(cell: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Edges (layers, bins + 1) and counts (layers, bins) of a ``histogram/`` cell.

    The cell holds for every layer its largest absolute entry, then the counts in the bins that
    ``HISTOGRAM_EDGES`` cut, in parts of that entry.
    """
    table = np.asarray(cell, dtype=float).reshape(-1, len(HISTOGRAM_EDGES))
    return table[:, :1] * np.asarray(HISTOGRAM_EDGES), table[:, 1:]


def read_spectrum(cell: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a spectrum's cell: a quadrature of the density, weights adding to 1.

    The cell holds all nodes and then all weights.
    """
    nodes, weights = np.asarray(cell, dtype=float).reshape(2, -1)
    return nodes, weights


class TrajectoryError(ValueError):
    """A trajectory or manifest that cannot be used: it is damaged or missing; names the file."""


class UnknownSchema(TrajectoryError):
    """A file of another version of this program: not damaged, but not to be read by this one."""


@dataclass(frozen=True)
class Trajectory:
    """One run's record: rows 0..N, ``step`` (int32), float64 columns with nulls, and ``sketch``.

    ``sketch`` (list of float32) holds a random projection of the parameters (512 numbers) where
    it was due: the distance between two sketches estimates that between the parameters. A run that
    was stopped early, for others did better, has rows 0 to ``pruned_at`` alone.

    ``parameters`` are the trained parameters (P,) of some rows, by step, as far as the run leaves
    them (``Record.parameters``), ``fields`` what the network was at points of the domain
    (``Record.fields``). Both are no part of the table, nor of the digest.
    """

    table: pa.Table
    diverged_at: int | None = None
    pruned_at: int | None = None
    parameters: Mapping[int, np.ndarray] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )
    fields: "Fields | None" = dataclasses.field(default=None, compare=False, repr=False)

    def digest(self) -> str:
        """Hex blake2b over every column but ``time/*``: equal digests mean equal science."""
        state = hashlib.blake2b(digest_size=16)
        state.update(json.dumps([self.table.num_rows, self.diverged_at]).encode())
        for name in sorted(self.table.column_names):
            if not name.startswith("time/"):
                state.update(name.encode())
                for part in _canonical(self.table.column(name)):
                    state.update(part)
        return state.hexdigest()


def _canonical(column: pa.ChunkedArray) -> tuple[bytes, bytes]:
    """Validity and values as bytes that depend on the numbers alone, not on chunks or padding."""
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    array = column.combine_chunks()
    if pa.types.is_list(array.type):
        values = array.drop_null().flatten().to_numpy(zero_copy_only=False)
    else:
        values = array.drop_null().to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    return np.packbits(valid).tobytes(), np.ascontiguousarray(values).tobytes()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What vouches for a committed trajectory; its existence is the commit.

    ``started`` is in unix seconds UTC, ``seconds`` the wall time of the pack per member.
    ``varied`` maps the dotted keys that the search varied to their values in this run. ``steps``
    are the updates made: those configured, or fewer in a run that was stopped early at
    ``pruned_at``. ``numerics`` are the numbers of the arithmetic that made them
    (``pinn_core.numerics``), ``rule`` is the one by which the run got its name; version 0.1.0 wrote
    neither. ``plugins`` are the hashes of the code of parts that came from plugins, by
    ``family/kind``. ``parameters`` vouches for the file of parameters with its ``sha256``, its
    ``bytes`` and the ``steps`` that it holds, ``fields`` in the same way for the file of fields;
    each is empty where the run left none.
    """

    run_id: str
    study: str
    model: str
    stage: str
    configuration: dict[str, Any]
    varied: dict[str, Any]
    seed: int
    steps: int
    diverged_at: int | None
    digest: str
    sha256: str
    bytes: int
    environment: dict[str, str]
    device: str
    threads: int
    pack_size: int
    started: float
    seconds: float
    pruned_at: int | None = None
    numerics: dict[str, int] = dataclasses.field(default_factory=dict)
    rule: int = 1
    plugins: dict[str, str] = dataclasses.field(default_factory=dict)
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """As indented JSON with sorted keys, and a checksum of all others among them."""
        plain = vars(self)
        return json.dumps({**plain, "checksum": _checksum(plain)}, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, name: str = "manifest") -> "Manifest":
        """Read back; raises ``TrajectoryError`` naming ``name`` if anything is amiss."""
        try:
            found = json.loads(text)
            version = found.get("schema_version") if isinstance(found, dict) else None
        except ValueError as error:
            raise TrajectoryError(f"{name}: not a manifest: {error}") from None
        _check_schema(name, version)
        checksum = found.pop("checksum", None)  # the first manifests had none
        if checksum is not None and checksum != _checksum(found):
            raise TrajectoryError(f"{name}: damaged: its checksum is not that of its content")
        try:
            return cls(**found)
        except TypeError as error:
            raise TrajectoryError(f"{name}: not a manifest: {error}") from None


def _checksum(plain: Mapping[str, Any]) -> str:
    content = json.dumps(plain, sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _check_schema(name: str, version: object) -> None:
    if str(version) != str(SCHEMA_VERSION):
        raise UnknownSchema(
            f"{name}: schema version {version!r} is unknown, this program reads {SCHEMA_VERSION}"
        )


def write_parquet(
    trajectory: Trajectory,
    sink: str | Path | IO[bytes] | pa.NativeFile,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write with zstd and page checksums; ``metadata`` goes into the file's key-value section."""
    notes = {
        **(metadata or {}),
        "schema_version": str(SCHEMA_VERSION),
        "diverged_at": json.dumps(trajectory.diverged_at),
    }
    if trajectory.pruned_at is not None:
        notes["pruned_at"] = json.dumps(trajectory.pruned_at)
    pq.write_table(
        trajectory.table.replace_schema_metadata(notes),
        sink,
        compression="zstd",
        write_page_checksum=True,
    )


def read_parquet(
    source: str | Path | IO[bytes] | pa.NativeFile,
    name: str | None = None,
    columns: Sequence[str] | None = None,
) -> Trajectory:
    """Read and verify page checksums; raises ``TrajectoryError`` naming the file, or ``name``.

    With ``columns`` no more than those of them that the file has.
    """
    name = name or str(source)
    try:
        with pq.ParquetFile(source, page_checksum_verification=True) as file:
            table = file.read(columns, use_threads=columns is None)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise TrajectoryError(f"{name}: damaged Parquet file: {error}") from None
    notes = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    _check_schema(name, notes.get("schema_version"))
    diverged_at = json.loads(notes["diverged_at"])
    pruned_at = json.loads(notes.get("pruned_at", "null"))
    return Trajectory(table.replace_schema_metadata(None), diverged_at, pruned_at)
