"""The backends that this machine has, as parameters of tests."""

from __future__ import annotations

import pytest

from pinn_core.engine.backends import library

needs_native = pytest.mark.skipif(
    library.missing() is not None, reason=f"native backend: {library.missing()}"
)
BACKENDS = ["eager", pytest.param("native", marks=needs_native)]
