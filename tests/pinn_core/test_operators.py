from __future__ import annotations

import pytest

from pinn_core.engine.operators import Derivatives


def test_an_unknown_derivative_is_named() -> None:
    with pytest.raises(AttributeError, match=r"no derivative 'xz'.*x, y, t"):
        _ = Derivatives("x", "y", "t").xz
