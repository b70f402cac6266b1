"""Signals are never lost: noted anywhere, obeyed at the next look, at last without being asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PREPARED = """
import os, signal, sys, time, weakref
from sweeps.process import interrupts
from sweeps.process.interrupts import INTERRUPTED, Interrupts

class Anything: pass

def kill():
    os.kill(os.getpid(), signal.Signals[sys.argv[1]])

def swallowed():
    # Python reports what a weak reference's callback raises, and goes on
    dying = Anything()
    callback = weakref.ref(dying, lambda _: kill())
    del dying
    return callback
"""
NAMES = ["SIGINT", "SIGTERM", "SIGHUP"]


def ended(
    script: str, name: str, ignored: signal.Signals | None = None
) -> subprocess.CompletedProcess[str]:
    """What became of a process that kills itself by a signal."""

    def born() -> None:
        for number in map(signal.Signals.__getitem__, NAMES):
            signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

    return subprocess.run(
        [sys.executable, "-c", PREPARED + script, name],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=born,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_while_a_loop_asks_is_obeyed_at_the_next_look(name: str) -> None:
    process = ended(
        """
try:
    with Interrupts("go on") as heeded, heeded.asked_for():
        swallowed()
        print("training", flush=True)
        heeded.check()
        print("not reached")
except KeyboardInterrupt:
    print("obeyed")
""",
        name,
    )
    assert process.stdout == "training\nobeyed\n"
    assert process.stderr == ""


def test_where_no_loop_asks_the_handler_raises() -> None:
    process = ended(
        """
try:
    with Interrupts("go on"):
        kill()
        print("not reached")
except KeyboardInterrupt:
    print("obeyed")
""",
        "SIGTERM",
    )
    assert process.stdout == "obeyed\n"


def test_a_signal_that_was_lost_before_is_obeyed_when_training_would_start() -> None:
    process = ended(
        """
try:
    with Interrupts("go on") as heeded:
        swallowed()
        with heeded.asked_for():
            print("not reached")
except KeyboardInterrupt:
    print("obeyed")
""",
        "SIGTERM",
    )
    assert process.stdout == "obeyed\n"


def test_what_does_not_end_is_ended_and_its_last_line_says_how_to_go_on() -> None:
    process = ended(
        """
interrupts.PATIENCE = 0.1
with Interrupts("go on"):
    swallowed()
    print("training", flush=True)
    time.sleep(60)
""",
        "SIGTERM",
    )
    assert process.returncode == 130
    assert process.stdout == "training\ngo on\n"


def test_a_second_signal_ends_the_process_at_once() -> None:
    process = ended(
        """
interrupts.PATIENCE = 1000
with Interrupts("go on") as heeded, heeded.asked_for():
    kill()
    print("not yet", flush=True)
    kill()
    time.sleep(60)
""",
        "SIGINT",
    )
    assert process.returncode == 130
    assert process.stdout == "not yet\ngo on\n"


def test_one_signal_that_was_obeyed_does_not_keep_the_process_from_ending_well() -> None:
    process = ended(
        """
try:
    with Interrupts("go on"):
        kill()
except KeyboardInterrupt:
    print("obeyed")
sys.exit(INTERRUPTED)
""",
        "SIGINT",
    )
    assert (process.returncode, process.stdout) == (130, "obeyed\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_what_the_shell_made_the_process_ignore_stays_ignored(name: str) -> None:
    """By ``nohup``, or in the background of a script."""
    process = ended(
        """
with Interrupts("go on") as heeded, heeded.asked_for():
    kill()
    heeded.check()
    print("trained")
""",
        name,
        ignored=signal.Signals[name],
    )
    assert (process.returncode, process.stdout) == (0, "trained\n")


def test_after_the_block_signals_are_what_they_were() -> None:
    process = ended(
        """
before = [signal.getsignal(number) for number in interrupts.SIGNALS]
for _ in range(3):
    with Interrupts("go on") as heeded, heeded.asked_for():
        heeded.check()
assert [signal.getsignal(number) for number in interrupts.SIGNALS] == before
assert signal.set_wakeup_fd(-1) == -1
print("so it is")
""",
        "SIGTERM",
    )
    assert process.stdout == "so it is\n", process.stderr
