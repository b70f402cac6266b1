"""Ctrl-C, SIGTERM and SIGHUP: noted at any moment, and obeyed soon.

A handler that raises does so between any two instructions, in the callback of a weak reference,
too, where Python drops the exception and goes on. So while a study trains the handler only notes
the signal, and the loop that runs then asks for it, by ``check``. Where no loop asks (imports, the
start of Ray, the report) the handler raises. If that is lost or takes too long, or a second signal
comes, a thread ends the process: every file of a study appears whole or not at all, so that it can
end anywhere.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PATIENCE = 20.0
"""Seconds to end by itself; Kubernetes and Slurm kill after 30."""

INTERRUPTED = 130
"""Exit code of a process that was interrupted."""

SHOW_CURSOR = b"\x1b[?25h\r\n"


def interrupt_main_thread() -> None:
    """Send the main thread a signal that it heeds, from another thread; it ends system calls."""
    for number in SIGNALS:
        if callable(signal.getsignal(number)):
            signal.pthread_kill(threading.main_thread().ident or 0, number)
            return


class Interrupts:
    """Heeds the signals within its block; without a block nothing ever interrupts.

    ``last_words`` is the last line of a process that had to be ended. Once interrupted, it watches
    to the end of the process.
    """

    def __init__(self, last_words: str = "") -> None:
        self._last_words = last_words
        self._interrupted = False
        self._raises = True

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heeded}
        # Python writes there in C, even while the main thread is in a call that never returns.
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="interrupts", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._interrupted:
            return
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._writer)

    @contextmanager
    def asked_for(self) -> Iterator[None]:
        """A block that is interrupted only where its loop calls ``check``."""
        self.check()
        self._raises = False
        try:
            yield
        finally:
            self._raises = True
        self.check()

    def check(self) -> None:
        """Raise ``KeyboardInterrupt`` if a signal came."""
        if self._interrupted:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        first, self._interrupted = not self._interrupted, True
        if first and self._raises:
            raise KeyboardInterrupt

    def _watch(self) -> None:
        """Wait for the first signal, then for the second or the end of patience."""
        ends = None
        while select.select([self._reader], [], [], ends and max(0.0, ends - time.monotonic()))[0]:
            received = os.read(self._reader, 1)
            if not received:  # the block is over
                os.close(self._reader)
                return
            if received[0] in self._before:
                if ends is not None:
                    break
                ends = time.monotonic() + PATIENCE
        with suppress(OSError):  # the terminal may be gone
            os.write(1, (SHOW_CURSOR if os.isatty(1) else b"") + f"{self._last_words}\n".encode())
        os._exit(INTERRUPTED)
