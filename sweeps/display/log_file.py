"""The study's log file, which never stands in the way of the study."""

from __future__ import annotations

import logging
from contextlib import suppress


class LogFile(logging.FileHandler):
    """Loses the lines that the system does not let us write: what matters is also on the screen."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; the file is opened with the first."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: logging would print a traceback for each line."""

    def close(self) -> None:
        """Close the file, whatever is lost of it."""
        with suppress(OSError):
            super().close()
