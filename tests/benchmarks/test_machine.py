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


def test_versions_name_the_peer_even_if_it_is_missing() -> None:
    assert {"python", "torch", "deepxde", "pinn-sweeps"} <= set(machine.versions())


def test_the_peak_is_a_rate_of_arithmetic() -> None:
    assert 0.1 < machine.sgemm_peak(sides=(256,), rounds=2) < 1e5
