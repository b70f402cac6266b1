"""What a result says of its machine."""

from __future__ import annotations

import json
import os

from benchmarks import machine


def test_the_machine_is_described_in_plain_data() -> None:
    found = machine.describe()
    assert json.loads(json.dumps(found)) == found
    assert found["cores"] == os.cpu_count()
    assert 1 <= found["cores_usable"] <= found["cores"]
    assert found["vector_bits"] in (None, 128, 256, 512)


def test_versions_name_the_peers_even_if_they_are_missing() -> None:
    assert {"python", "torch", "deepxde", "jax", "jinns", "pinn-sweeps"} <= set(machine.versions())
