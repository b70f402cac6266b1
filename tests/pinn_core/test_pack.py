"""On a CPU a member's numbers are the same bits in whatever company it trains."""

from __future__ import annotations

from typing import Any

import pytest

from pinn_core import Member, train
from tests.pinn_core.backends import BACKENDS
from tests.pinn_core.packs import configuration, members

KINDS: list[dict[str, Any]] = [
    {},
    {"batch": 30},
    {"regression": True, "batch": 16},
    {"regression": True},
    {"width": 130, "depth": 2, "activation": "gelu", "steps": 4},
    {"width": 5, "depth": 1, "activation": "softplus", "precision": "float64"},
    {"width": 32, "depth": 2, "steps": 3},  # whose last weights fill whole vectors
]


def digests(pack: list[Member], **options: Any) -> list[str]:
    return [trajectory.digest() for trajectory in train(pack, **options)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS)
def test_alone_packed_reordered_or_threaded_the_bits_are_the_same(
    kind: dict[str, Any], backend: str
) -> None:
    pack = members(configuration(**kind), [1e-3, 3e-3, 1e-2])
    together = digests(pack, backend=backend)
    assert len(set(together)) == 3
    assert digests(pack[::-1], backend=backend)[::-1] == together
    assert [digests([member], backend=backend)[0] for member in pack] == together
    assert digests(pack, threads=2, backend=backend) == together


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_member_that_diverges_ends_alone(kind: dict[str, Any], backend: str) -> None:
    quiet = digests(members(configuration(**kind), [1e-3, 3e-3, 1e-2]), backend=backend)
    wild = train(members(configuration(**kind), [1e-3, 1e36, 1e-2]), backend=backend)
    assert [wild[0].digest(), wild[2].digest()] == [quiet[0], quiet[2]]
    table, end = wild[1].table, wild[1].diverged_at
    assert end is not None and 0 < end < table.num_rows - 1
    after = table.slice(end + 1).drop_columns("step")
    assert all(column.null_count == len(column) for column in after.columns)
    assert wild[0].diverged_at is None


def test_training_stops_when_nobody_is_left() -> None:
    steps: list[int] = []
    pack = members(configuration(steps=400), [1e36, 1e37])
    (first, _) = train(pack, progress=lambda step, _: steps.append(step))
    assert steps[-1] < 100
    assert first.table.num_rows == 401


def test_the_first_rows_do_not_depend_on_where_a_run_stops() -> None:
    pack = members(configuration(batch=20), [1e-3, 3e-3])
    whole, short = train(pack)[0].table, train(pack, stop_after=2)[0].table
    assert short.num_rows == 3
    for name in ("loss/batch", "loss/regression", "gradient/cosine", "update/distance"):
        assert short[name].to_pylist() == whole[name].to_pylist()[:3]


def test_members_of_different_shapes_are_refused() -> None:
    pack = [Member(configuration(width=4), 0), Member(configuration(width=5), 0)]
    with pytest.raises(ValueError, match="share shapes, found 2"):
        train(pack)
