"""Prints figures in a process beside, while this one draws the next.

Where no one asked for that (``beside``), a figure is printed at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from subprocess import Popen
from typing import Self

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from analysis.figures import fonts
from analysis.figures.style import STYLE
from pinn_core.cores import usable_cores

fonts.register()

Job = tuple[Figure, Path, Path]


def print_figure(figure: Figure, png: Path, pdf: Path) -> None:
    """Write both files: here now, or beside and sooner than ``beside`` ends."""
    if printer := _PRINTER.get():
        printer.print((figure, png, pdf))
    else:
        _print((figure, png, pdf))


@contextmanager
def beside() -> Iterator[None]:
    """Within it figures are printed by a second process; at its end they are all written.

    Raises what printing raised. It is of use where this process may use a second core.
    """
    if usable_cores() == 1:
        yield
        return
    with _Printer() as printer:
        token = _PRINTER.set(printer)
        try:
            yield
        finally:
            _PRINTER.reset(token)


def _print(job: Job) -> None:
    figure, png, pdf = job
    with mpl.rc_context(STYLE):  # printed by its canvases: savefig draws everything twice
        FigureCanvasAgg(figure).print_png(png)  # type: ignore[no-untyped-call]
        figure.set_layout_engine("none")  # the PDF as laid out for the PNG
        FigureCanvasPdf(figure).print_pdf(  # type: ignore[no-untyped-call]
            pdf, metadata={"CreationDate": None}
        )


class _Printer:
    """A process that prints one figure after another, and the thread that feeds it."""

    def __enter__(self) -> Self:
        """Start both. The process imports from where this one does; Ctrl-C does not reach it.

        It is not one of ``multiprocessing``, which would import the program that called us again.
        """
        self._ours, theirs = Pipe()
        serving = f"from {__name__} import serve; serve({theirs.fileno()})"
        self._process = Popen(
            [sys.executable, "-P", "-c", serving],
            pass_fds=(theirs.fileno(),),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        theirs.close()
        self._feeder = ThreadPoolExecutor(1)
        self._given: list[tuple[Job, Future[Exception | None]]] = []
        return self

    def print(self, job: Job) -> None:
        """Have a figure printed, which must not be changed afterwards."""
        message = ForkingPickler.dumps(job)  # here: another thread would draw at the same time
        self._given.append((job, self._feeder.submit(self._answer, message)))

    def _answer(self, message: memoryview) -> Exception | None:
        self._ours.send_bytes(message)
        error: Exception | None = self._ours.recv()
        return error

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Let all be printed, unless the report failed anyhow, and end the process."""
        try:
            if failed is None:
                self._finish()
        finally:
            self._process.kill()
            self._feeder.shutdown(cancel_futures=True)
            self._process.wait()
            self._ours.close()

    def _finish(self) -> None:
        """Print what it has not begun, from the last on, and wait for the rest."""
        for job, answer in reversed(self._given):
            if answer.cancel() or not self._was_printed(answer):
                _print(job)

    def _was_printed(self, answer: Future[Exception | None]) -> bool:
        """Whether it was; raises what printing raised."""
        try:
            error = answer.result()
        except (EOFError, ConnectionError):  # somebody killed the process
            return False
        if error:
            raise error
        return True


_PRINTER: ContextVar[_Printer | None] = ContextVar("printer", default=None)


def serve(descriptor: int) -> None:
    """In the process beside: print what comes in, and answer each with its error or ``None``."""
    orders = Connection(descriptor)
    while True:
        try:
            job = orders.recv()
        except EOFError:
            return
        error = None
        try:
            _print(job)
        except Exception as raised:  # for the other process to raise
            error = raised
        orders.send(error)
