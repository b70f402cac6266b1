"""Whether this machine can carry out a study: checked before the study starts."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sweeps.errors import StudyError
from sweeps.execution.estimate import known_estimate, not_known
from sweeps.execution.machines import Machine, pack_slots, this_machine
from sweeps.execution.sizing import in_words, refuse_too_large, sizes
from sweeps.store.address import check_folder, check_store, nearest_folder
from sweeps.study.study import Resources, Study
from sweeps.tracking.tracking import check_tracking, masked

PACKAGES = ("pinn-sweeps", "torch", "ray", "optuna", "mlflow", "pyarrow", "pandas", "numpy")

LEAST_MEMORY, LEAST_DISK = 4 * 2**30, 5 * 2**30
"""Free bytes below which a study of many runs probably fills the disk."""


@dataclass(frozen=True)
class Check:
    """One check: what was found, and whether a study can run with it."""

    name: str
    found: str
    ok: bool
    advice: str = ""
    """What to do where it cannot run."""


def examine(runs_dir: Path, tracking_uri: str, store: str | None = None) -> Iterator[Check]:
    """Look at versions, cores, memory, disk, write access, the store and the tracking address."""
    yield Check("python", platform.python_version(), True)
    for package in PACKAGES:
        yield Check(package, version(package), True)
    machine = this_machine(with_gpus=True)
    yield Check("cores", f"{machine.cpus:g}", machine.cpus >= 1)
    yield Check("gpus", f"{machine.gpus:g}", True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    least = _gigabytes(LEAST_MEMORY)
    yield Check("memory", _gigabytes(memory), memory >= LEAST_MEMORY, f"studies need {least}")
    nearest = nearest_folder(runs_dir)
    free = shutil.disk_usage(nearest).free
    enough, elsewhere = free >= LEAST_DISK, "--runs-dir says where else"
    yield Check(f"disk at {nearest}", f"{_gigabytes(free)} free", enough, elsewhere)
    yield attempt(f"writing to {nearest}", lambda: check_folder(runs_dir), elsewhere)
    if store:
        yield attempt(
            f"store at {store}",
            lambda: check_store(store, write=True),
            "it has to be there already; see AWS_ACCESS_KEY_ID and its like",
        )
    yield attempt(
        f"tracking at {masked(tracking_uri)}",
        lambda: check_tracking(tracking_uri, store=store),
        "start the server, or see MLFLOW_TRACKING_URI, _USERNAME and _PASSWORD",
    )


def room(
    study: Study,
    machines: Sequence[Machine],
    slots_on: Callable[[Resources, Sequence[Machine]], list[int]] = pack_slots,
) -> Check:
    """Whether the machines have what each pack of the study asks for."""
    asked = study.resources
    name = f"room for packs of {study.name}"
    try:
        slots = slots_on(asked, machines)
    except StudyError as error:
        return Check(name, str(error), False)
    needs = f"{asked.cpus:g} CPUs and {asked.gpus:g} GPUs each"
    return Check(name, f"{sum(slots)} at a time on {len(slots)} nodes, with {needs}", True)


def size(study: Study, machines: Sequence[Machine], home: str) -> Check:
    """Whether a run of the study fits into memory, and all of them where its store would be."""
    name = f"size of {study.name}"
    try:
        return Check(name, in_words(refuse_too_large(study, machines, home)), True)
    except StudyError as error:
        return Check(name, str(error), False)


def duration(
    study: Study,
    machines: Sequence[Machine],
    slots_on: Callable[[Resources, Sequence[Machine]], list[int]] = pack_slots,
) -> Iterator[Check]:
    """How long the study takes, as far as this machine was measured; nothing without room."""
    with suppress(StudyError):
        slots = sum(slots_on(study.resources, machines))
        estimate = known_estimate(study, sizes(study), slots)
        found = estimate.time_in_words if estimate else not_known(study)
        yield Check(f"time of {study.name}", found, True)


def attempt(name: str, action: Callable[[], None], advice: str = "") -> Check:
    """Call a check that raises where it fails."""
    try:
        action()
    except (OSError, StudyError) as error:
        return Check(name, str(error), False, advice)
    return Check(name, "works", True)


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
