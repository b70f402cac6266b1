"""A Ray of our own on this machine: on loopback alone, its token and files for this user alone."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweeps.errors import StudyError
from sweeps.execution.crowded import crowded_in_words
from sweeps.process.interrupts import interrupt_main_thread

log = logging.getLogger(__name__)

OBJECT_STORE_BYTES = 100 * 2**20
"""For Ray's object store, through which hardly anything passes: results go to the store."""

LOOPBACK_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Keeps a Ray of our own on loopback, as it is by itself on macOS and Windows.

On Linux Ray takes the machine's address, even where it is given 127.0.0.1, and listens on every
interface. It reads this once, when it is first imported.
"""

LONGEST_FOLDER = 38
"""Bytes of a folder's path: Ray's sockets in it have 64 more, and macOS takes 103."""

NEEDED = ("gcs_server", "raylet")
"""Ray's processes without which nothing is trained."""

UNUSED = ("start_monitor", "start_api_server", "start_log_monitor")
"""Methods of Ray's node that start processes for clusters that grow, web pages and workers' output.

On one machine nothing uses them; they take seconds at the start and the end, and 270 MB.
"""

LOOK_EVERY = 1.0
"""Seconds between two looks at them."""


@contextmanager
def own_ray(cpus: int, gpus: int) -> Iterator[None]:
    """Start a Ray, and end it; raises ``StudyError`` if it does not start.

    Its files go with it, but after a failure: they hold its logs.
    """
    os.environ.update(LOOPBACK_ALONE)
    keep_screen_and_signals()
    import ray

    files = _private_folder()
    try:
        with _without_unused():
            _start(cpus, gpus, files)
        yield
    finally:
        ended = _ended()
        ray.shutdown()
    if not ended:
        shutil.rmtree(files, ignore_errors=True)


@contextmanager
def watched(say: Callable[[str], None]) -> Iterator[None]:
    """A block in which a thread looks after the processes of a Ray of our own, if there is one.

    Without one of them nothing is trained, and calls of Ray wait for minutes: it says which one
    ended, and interrupts the main thread.
    """
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY):
            if what := _ended():
                try:
                    say(what)
                finally:
                    interrupt_main_thread()
                return

    threading.Thread(target=look, name="watch Ray", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _ended() -> str:
    """Which of the processes needed ended, and where Ray's logs are; empty if all run."""
    import ray._private.worker

    node: Any = ray._private.worker._global_node
    for kind, process in node.dead_processes() if node else ():
        if kind in NEEDED:
            return f"Ray's {kind} ended, status {process.poll()}; logs: {node.get_logs_dir_path()}"
    return ""


def keep_screen_and_signals() -> None:
    """Have Ray, before it starts, leave both to this process.

    It prints what its daemons say of dead workers across the display, which has a line for each of
    them; its own logs have the rest.
    """
    import ray._private.utils
    import ray._private.worker

    ray._private.worker._worker_logs_enabled = False
    ray._private.utils.set_sigterm_handler = lambda _: None


def take_signals_back() -> None:
    """After Ray's start: its C++ part would print its stack at SIGTERM and abort."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def keep_token_private() -> None:
    """See that only this user can read the token file that Ray takes; make it if there is none.

    Ray makes it readable for all users. Raises ``StudyError`` if that cannot be done.
    """
    if "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ:
        return
    token = Path.home() / ".ray" / "auth_token"
    try:
        token.parent.mkdir(mode=0o700, exist_ok=True)
        if not token.exists():
            _write_once(token, secrets.token_hex(32))
        elif token.stat().st_mode & 0o077:
            token.chmod(0o600)
    except OSError as error:
        raise StudyError(f"Ray's token {token}: {error.strerror}; or set RAY_AUTH_TOKEN") from None


def _write_once(file: Path, text: str) -> None:
    """Write a file for this user alone, whole at once; one that is there by then stays."""
    descriptor, beside = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "w") as part:
        part.write(text)
    with suppress(FileExistsError):
        os.link(beside, file)
    os.unlink(beside)


@contextmanager
def _without_unused() -> Iterator[None]:
    """A block in which Ray starts no process that is not used here."""
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in UNUSED}
    for name in UNUSED:
        setattr(Node, name, lambda *_, **__: None)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


def _private_folder() -> Path:
    """A new folder for this user alone: beside Ray's own, or in /tmp if the path is too long."""
    from ray._common.utils import get_default_system_temp_dir

    beside: str = get_default_system_temp_dir()  # type: ignore[no-untyped-call]
    short = len(os.fsencode(beside)) + len("/ray-12345678/r") <= LONGEST_FOLDER
    return Path(tempfile.mkdtemp(prefix="ray-", dir=beside if short else "/tmp"))


def _start(cpus: int, gpus: int, files: Path) -> None:
    """Start it; a second try where the machine was too busy for Ray's patience of 30 s."""
    import ray

    for attempt in (1, 2):
        try:
            ray.init(
                address="local",  # never what `ray start` may have left running here
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(files / "r"),  # which Ray opens to all users
                _system_config={"prestart_worker_first_driver": False},  # Tune's are started anew
            )
            return
        except Exception as error:  # Ray raises many kinds of errors
            ray.shutdown()
            reason, crowded = str(error).partition("\n")[0], crowded_in_words()
            if attempt == 2:
                raise StudyError(
                    f"Ray did not start on this machine, twice: {reason} (its logs: {files})"
                    + (f"; it waits 30 s, and {crowded}" if crowded else "")
                    + "; try again later, or train without Ray, from Python: "
                    "pinn_sweeps.run(STUDY, executor='inline')"
                ) from error
            log.warning("Ray did not start (%s): once more", reason)
