"""How long calls take, without a word of it in what is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any


@dataclass
class Spent:
    """Wall seconds of all calls so far, and seconds of a core that their own threads used."""

    seconds: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed(owner: Any, *names: str) -> Iterator[Spent]:  # noqa: ANN401
    """Add up the time of every call of a class's or module's functions of these names, meanwhile.

    >>> class Sleeper:
    ...     def nap(self) -> None:
    ...         time.sleep(0.01)
    >>> with timed(Sleeper, "nap") as spent:
    ...     Sleeper().nap()
    >>> spent.seconds >= 0.01
    True
    """
    spent = Spent()
    before = {name: getattr(owner, name) for name in names}
    for name, function in before.items():
        setattr(owner, name, _timed(function, spent))
    try:
        yield spent
    finally:
        for name, function in before.items():
            setattr(owner, name, function)


def _timed(function: Callable[..., Any], spent: Spent) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        started, worked = time.perf_counter(), time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent.seconds += time.perf_counter() - started
            spent.cpu += time.thread_time() - worked

    return call
