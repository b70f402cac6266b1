"""A report that is written again while runs arrive, on a page that reloads itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from analysis.wording import count
from sweeps.display.reporting import write_report_of
from sweeps.store.folder import StudyFolder
from sweeps.store.lock import lock_holder
from sweeps.store.store import Store
from sweeps.study.study import Study

LOOK_EVERY = 2.0
"""Seconds between two looks at the store."""

SHARE = 0.1
"""Of the time that writing may take at most: it has the cores of the training."""

RELOAD = 20
"""Seconds after which the page loads itself again."""


def watch(study: Study, folder: StudyFolder, say: Callable[[str], None]) -> None:
    """Write the report whenever runs have arrived, until no command works on the study any more.

    Then once more, on a page that stays as it is; a study on which nothing works gets that at once.
    Raises as ``write_report_of`` does, but waits for a first run while a command works.
    """
    store, seen, not_before = Store(folder.store), 0, 0.0
    while running := lock_holder(folder.home):
        committed = len(store.committed())
        if committed > seen and time.monotonic() >= not_before:
            seen, began = committed, time.monotonic()
            page = write_report_of(study, folder, missing={}, reload=RELOAD)
            took = time.monotonic() - began
            not_before = time.monotonic() + took * (1 / SHARE - 1)
            say(f"{count(seen, 'run')}, in training by {running}: {page}")
        time.sleep(LOOK_EVERY)
    page = write_report_of(study, folder, missing={})
    say(f"{count(len(store.committed()), 'run')}, no command is working on the study now: {page}")
