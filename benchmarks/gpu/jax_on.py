"""JAX on the device that we use, through whatever scripts ``benchmarks.peers`` has."""

from importlib import import_module
from typing import Any

from benchmarks.command import say
from benchmarks.engine import Engine
from benchmarks.timing import Case, clocked

LEAST = 0.05
"""Seconds that a timing of a script lasts at least."""


class JaxMissing(Exception):
    """No script can run; the message says why."""


def jax_cases(engine: Engine, steps: int, device: str) -> dict[str, Case]:
    """Seconds of a complete step of the whole pack in each script, ready compiled.

    A script that cannot be compiled or run is left out and named on the screen. Raises
    ``JaxMissing`` where none can.
    """
    try:
        scripts: Any = import_module("benchmarks.peers.jax_scripts")
        residuals: Any = import_module("benchmarks.peers.jax_residuals")
        found = {one.platform for one in import_module("jax").devices()}
    except (ImportError, RuntimeError) as error:
        raise JaxMissing(str(error)) from error
    if device != "cpu" and found == {"cpu"}:
        raise JaxMissing("JAX sees no GPU: its build is for CPUs")
    pack = getattr(engine, "pack_task")(steps)  # noqa: B009  # it comes with the scripts
    cases: dict[str, Case] = {}
    for name in residuals.RESIDUALS:
        try:
            train = scripts.Script(pack, scripts.Way(name)).train
            train()
        except Exception as error:  # whatever JAX and its compiler raise
            say(f"jax {name}: {str(error).partition(chr(10))[0]}")
            continue
        cases[f"jax {name}"] = _each(clocked(train, LEAST), steps)
    if not cases:
        raise JaxMissing("no script could be compiled and run")
    return cases


def _each(case: Case, steps: int) -> Case:
    return lambda: case() / steps
