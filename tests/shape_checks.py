"""Which calls of pinn_core have the shapes and types of what they get and give checked.

A check takes longer than most calls themselves, and a small training makes thousands of them that
are alike.
"""

from __future__ import annotations

import os
from typing import Any

from jaxtyping import config

FIRST = 1000
"""So many calls are all checked at first."""

EVERY = int(os.environ.get("SHAPES_EVERY", "11"))
"""Of later calls one in so many is checked; 1: all. A prime, so that a loop's calls take turns."""


class Checks(type(config)):  # type: ignore[misc]
    """jaxtyping's settings, but that not every call is checked where checks are not disabled."""

    _disabled = False
    _calls = 0

    @property
    def jaxtyping_disable(self) -> bool:
        """Whether the call that asks goes unchecked; jaxtyping asks at each call."""
        if self._disabled:
            return True
        self._calls += 1
        return self._calls > FIRST and self._calls % EVERY != 0

    @jaxtyping_disable.setter
    def jaxtyping_disable(self, disabled: bool) -> None:
        """The calls that come are the first ones again."""
        self._disabled, self._calls = disabled, 0


def check_first_calls() -> None:
    """Let jaxtyping check fewer calls from now on."""
    settings: Any = config
    settings.__class__ = Checks
