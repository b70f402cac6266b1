"""What the tests of the pages share."""

from __future__ import annotations

import pytest

from pinn_core.parts import FAMILIES


@pytest.fixture
def parts_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page's plugins register is gone afterwards."""
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "_parts", dict(family._parts))
