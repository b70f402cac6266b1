"""Optuna's experimental parts, without its warning: the version that is used is a fixed one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def experimental() -> Iterator[None]:
    """A block in which they may be used."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
