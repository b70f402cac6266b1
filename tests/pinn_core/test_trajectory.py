from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pinn_core import Manifest, Member, Trajectory, TrajectoryError, train
from pinn_core.records.trajectory import read_parquet, write_parquet
from tests.pinn_core.packs import configuration

WILD = train([Member(configuration(learning_rate=1e36), 0)])[0]
CALM = train([Member(configuration(), 0)])[0]


@pytest.mark.parametrize("trajectory", [CALM, WILD])
def test_what_is_written_is_read(trajectory: Trajectory, tmp_path: Path) -> None:
    file = tmp_path / "run.parquet"
    write_parquet(trajectory, file, {"run_id": "abc"})
    back = read_parquet(file)
    assert back.digest() == trajectory.digest()
    assert back.diverged_at == trajectory.diverged_at
    assert back.table.equals(trajectory.table)


def changed(column: str) -> Trajectory:
    place = CALM.table.column_names.index(column)
    values = pc.add(CALM.table.column(place), 1e-9)
    return Trajectory(CALM.table.set_column(place, column, values))


def test_the_digest_is_of_the_science_and_not_of_the_clock() -> None:
    assert changed("time/step_seconds").digest() == CALM.digest()
    assert changed("loss/batch").digest() != CALM.digest()
    assert changed("update/cosine").digest() != CALM.digest()


def test_the_digest_sees_where_nulls_are() -> None:
    values = CALM.table["loss/residual"].to_pylist()
    place = CALM.table.column_names.index("loss/residual")
    without = [None, *values[1:]]
    moved = CALM.table.set_column(place, "loss/residual", pa.array(without))
    assert Trajectory(moved).digest() != CALM.digest()


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_damage_is_found_and_the_file_named(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "run.parquet"
    write_parquet(CALM, file)
    raw = bytearray(file.read_bytes())
    if damage == "flip":
        raw[200] ^= 1
    file.write_bytes(bytes(raw if damage == "flip" else raw[:-100]))
    with pytest.raises(TrajectoryError, match=r"run\.parquet"):
        read_parquet(file)


def test_an_unknown_schema_is_refused(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    file = tmp_path / "run.parquet"
    pq.write_table(CALM.table.replace_schema_metadata({"schema_version": "99"}), file)
    with pytest.raises(TrajectoryError, match=r"run\.parquet: schema version '99' is unknown"):
        read_parquet(file)


def manifest() -> Manifest:
    return Manifest(
        run_id="0123456789abcdef",
        study="s",
        model="pinn",
        stage="search",
        configuration=configuration().to_dict(),
        varied={"network.width": 12},
        seed=0,
        steps=12,
        diverged_at=None,
        digest=CALM.digest(),
        sha256="",
        bytes=1,
        environment={},
        device="cpu",
        threads=1,
        pack_size=1,
        started=0.0,
        seconds=1.0,
    )


def test_a_manifest_survives_its_json() -> None:
    assert Manifest.from_json(manifest().to_json()) == manifest()


def test_any_changed_bit_of_a_manifest_is_found_unless_it_says_the_same() -> None:
    told = manifest().to_json().replace("1e-08", "0.00000001").encode()  # not 1E-08
    for place in range(len(told)):
        changed = bytearray(told)
        changed[place] ^= 1 << place % 7
        with pytest.raises(TrajectoryError, match=r"m\.json"):
            Manifest.from_json(changed.decode(), "m.json")


@pytest.mark.parametrize("text", ["{", "[]", "{}", manifest().to_json().replace("seed", "sead")])
def test_a_damaged_manifest_is_named(text: str) -> None:
    with pytest.raises(TrajectoryError, match=r"abc\.json"):
        Manifest.from_json(text, "abc.json")
