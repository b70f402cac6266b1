"""What makes the training steps on this machine's CPU: the backend, its compiler, its cache."""

from __future__ import annotations

from collections.abc import Iterator

from pinn_core.engine.backends import VARIABLE, library, requested
from pinn_core.engine.backends.build import (
    BuildError,
    cache_folder,
    cache_obstacle,
    compiler_in_words,
    temporary_folder,
)
from pinn_core.parts import UnknownName
from sweeps.checking.doctor import Check


def examine_backend() -> Iterator[Check]:
    """Name the backend on the CPU, the C++ compiler and the folder of compiled libraries.

    Where the native backend may serve, its library is compiled unless that was done before, as the
    first study would do it; this takes some ten seconds.
    """
    yield _backend()
    yield _compiler()
    yield _cache()


def _backend() -> Check:
    try:
        wanted = requested("auto")
    except UnknownName as error:
        return Check("backend", f"{VARIABLE}: {error}", False, f"change or unset {VARIABLE}")
    if wanted == "eager":
        return Check("backend", f"eager, which {VARIABLE} names", True)
    if obstacle := library.missing():
        advice = f"install a C++ compiler, or unset {VARIABLE}"
        found = f"eager, which is slower than native: {obstacle}"
        return Check("backend", found, wanted != "native", advice)
    return Check("backend", f"native, {library.file()}", True)


def _compiler() -> Check:
    try:
        return Check("compiler", compiler_in_words(), True)
    except BuildError as error:
        return Check("compiler", str(error), True)


def _cache() -> Check:
    if obstacle := cache_obstacle():
        return Check("cache", f"{temporary_folder()}, because {obstacle}", True)
    return Check("cache", str(cache_folder()), True)
