"""Committed runs are read and verified here: a manifest, and the Parquet file it vouches for."""

import hashlib

import pyarrow as pa

from pinn_core.records.trajectory import Manifest, Trajectory, TrajectoryError, read_parquet


def manifest_from(content: bytes, run_id: str, name: str) -> Manifest:
    """The manifest of the run; raises ``TrajectoryError`` naming the file ``name``.

    It is refused where it is damaged or the manifest of another run.
    """
    try:
        manifest = Manifest.from_json(content.decode(), name)
    except UnicodeDecodeError as error:
        raise TrajectoryError(f"{name}: not a manifest: {error}") from None
    if manifest.run_id != run_id:
        raise TrajectoryError(f"{name}: is the manifest of another run, {manifest.run_id}")
    return manifest


def check_content(content: bytes, manifest: Manifest, name: str) -> None:
    """Raise ``TrajectoryError`` unless the bytes of a Parquet file are the ones committed."""
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise TrajectoryError(
            f"{name}: damaged: {len(content)} bytes whose sha256 is not the one committed"
            f" ({manifest.bytes} bytes)"
        )


def trajectory_from(content: bytes, manifest: Manifest, name: str) -> Trajectory:
    """The trajectory in a Parquet file: its bytes, its pages and its numbers are verified."""
    check_content(content, manifest, name)
    trajectory = read_parquet(pa.BufferReader(content), name)
    if trajectory.digest() != manifest.digest:
        raise TrajectoryError(f"{name}: its numbers differ from its manifest's digest")
    return trajectory
