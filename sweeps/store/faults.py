"""Faults that a test orders, so that recovery is tested without chance.

``SWEEP_FAULT="after_write@3:kill9"`` kills this process when it comes to the site ``after_write``
for the third time; ``@every`` is each time; without ``@``, the first time; a comma separates
several faults. Sites: ``before_write``, ``after_write`` (complete, not yet in place) and
``after_rename`` of every file that is kept, two for each run (Parquet, then manifest) and a few of
the driver's own; ``before_publish`` of every run; ``in_run:ID`` when the training of a pack with
that run starts; ``in_step:N``. If ``SWEEP_FAULT_ONCE`` names a file, a fault happens only while
that file is absent, and creates it, so that the process which takes the work over is spared.

The action ``hold`` lets the process wait for as long as the file is there that ``SWEEP_FAULT_HOLD``
names; each process that is held adds a line to it. So a test strikes while work is certainly not
done, however fast the machine is, and removes the file afterwards.
"""

import errno
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

reached: Counter[str] = Counter()
"""How often this process has come past each site while a fault was on order."""


class Fault(RuntimeError):
    """The error that the action ``raise`` raises."""


def reach(site: str, file: Path | None = None) -> None:
    """Mark that the program is at ``site``; carry out the faults ordered for this moment, if any.

    ``file`` is what ``flip`` and ``truncate`` damage. Raises ``ValueError`` for an unknown action,
    ``Fault`` for ``raise``, ``OSError`` for ``enospc``, ``MemoryError`` for ``enomem`` and
    ``KeyboardInterrupt`` for ``interrupt``.
    """
    orders = os.environ.get("SWEEP_FAULT")
    if not orders:
        return
    reached[site] += 1
    for order in orders.split(","):
        moment, _, action = order.rpartition(":")
        place, _, count = moment.partition("@")
        if action not in _ACTIONS:
            raise ValueError(f"SWEEP_FAULT={order}: allowed actions are {', '.join(_ACTIONS)}")
        due = count == "every" or reached[site] == int(count or 1)
        if site == place and due and _first_time():
            _ACTIONS[action](file)


def _first_time() -> bool:
    marker = os.environ.get("SWEEP_FAULT_ONCE")
    if not marker:
        return True
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _kill9(_: Path | None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(_: Path | None) -> None:
    raise Fault("a fault was ordered by SWEEP_FAULT")


def _no_space(_: Path | None) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _no_memory(_: Path | None) -> None:
    raise MemoryError("a lack of memory was ordered by SWEEP_FAULT")


def _interrupt(_: Path | None) -> None:
    raise KeyboardInterrupt


def _flip(file: Path | None) -> None:
    """Change one bit in the middle of the file."""
    assert file is not None, "SWEEP_FAULT: there is no file to flip a bit of at this site"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _truncate(file: Path | None) -> None:
    """Cut off the second half of the file."""
    assert file is not None, "SWEEP_FAULT: there is no file to truncate at this site"
    os.truncate(file, file.stat().st_size // 2)


def _hold(_: Path | None) -> None:
    """Wait until the file is gone; the line in it is this process's id."""
    file = Path(os.environ["SWEEP_FAULT_HOLD"])
    with suppress(FileNotFoundError):
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)  # never makes a file that is gone
        os.write(descriptor, f"{os.getpid()}\n".encode())
        os.close(descriptor)
    while file.exists():
        time.sleep(0.02)


_ACTIONS: dict[str, Callable[[Path | None], None]] = {
    "kill9": _kill9,
    "raise": _raise,
    "enospc": _no_space,
    "enomem": _no_memory,
    "interrupt": _interrupt,
    "flip": _flip,
    "truncate": _truncate,
    "hold": _hold,
}
