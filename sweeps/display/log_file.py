"""The study's log file; a log that cannot be written does not stop the study."""

from __future__ import annotations

import logging
from contextlib import suppress


class LogFile(logging.FileHandler):
    """Drops lines that the system does not let us write: important ones are on the screen too."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; the file is opened with the first."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing: logging would print a traceback for each line."""

    def close(self) -> None:
        """Close the file; an error in closing is ignored."""
        with suppress(OSError):
            super().close()
