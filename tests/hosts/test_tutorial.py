"""The tutorial of the cluster, followed to the letter on a host with its own home and Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Page
from tests.hosts.network import hosts, needs_hosts

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(900), needs_hosts]


def test_the_tutorial_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):  # the tutorial sets them up itself
        monkeypatch.delenv(name, raising=False)
    shared = tmp_path / "shared"
    shared.mkdir()
    with hosts(("laptop",), tmp_path / "disks", shared) as there:
        enter = there["laptop"].enter
        Page(ROOT / "docs" / "tutorials" / "cluster.md").follow(
            shared, *enter, "env", f"--chdir={shared}"
        )
