"""Studies whose driver is killed, group and all, again and again over the whole of their lives.

    python -m tests.chaos.campaign FOLDER --studies 40

Each study is the command that a person gives, through Ray. Five times its process group gets
SIGKILL: while it starts, trains, publishes to MLflow or writes its report; then the command is
given once more and left alone. Every trajectory, and all that MLflow holds, is compared with those
of the same study undisturbed, and ``pinn-sweep verify`` is asked. What came out is kept in FOLDER,
study by study: the same command again does what is missing, and prints the table of all there is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.markdown import markdown_table
from benchmarks.processes import commands, family
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.processes import running
from tests.sweeps.published import published
from tests.sweeps.samples import STUDY

COMMAND = Path(sys.executable).with_name("pinn-sweep")
OVERRIDES = ("base.phases.0.steps=300", "rerun.seeds=2", "resources.pack=2")
RUNS = 10
"""How many runs the study has with them."""

AIMS = ("start", "training", "publishing", "report")
LAST_AIMS = ("start", "report", "the end")
"""What the first four kills of a study wait for, and what the last one may."""

ELSEWHERE = {"PINN_SWEEP_RUNS", "PINN_SWEEP_STORE", "MLFLOW_TRACKING_URI", "RAY_ADDRESS"}
"""Variables that would send the command to other folders, servers and clusters."""

HANGS = 1200.0
"""Seconds that no driver of this study needs."""

REPORTING = "writing the report"
"""What a driver says when it begins to."""

HALF_PUBLISHED = """
select runs.run_uuid from runs join tags on tags.run_uuid = runs.run_uuid and tags.key = 'run_id'
where runs.status = 'RUNNING' and runs.lifecycle_stage = 'active'
"""


@dataclass
class Kill:
    """SIGKILL for the driver's group, when the driver was ``seconds`` old.

    ``aim`` is the phase that was waited for, ``phase`` the one in which the driver was, as its
    files showed afterwards; ``committed`` counts the runs in the store then.
    """

    aim: str
    phase: str
    committed: int
    seconds: float


@dataclass
class Pace:
    """Seconds that the undisturbed driver took to its first commit, and for its report."""

    start: float
    report: float


@dataclass
class Outcome:
    """What became of a study: everything but the kills has to be zero.

    ``twice`` counts conflicts in the store, ``mlflow`` is 1 where MLflow does not hold what the
    undisturbed study put there, ``left`` counts processes of killed drivers that are still there.
    """

    kills: list[Kill] = field(default_factory=list)
    lost: int = 0
    twice: int = 0
    altered: int = 0
    mlflow: int = 0
    code: int = 0
    verify: int = 0
    tracebacks: int = 0
    left: int = 0

    @property
    def wrong(self) -> dict[str, int]:
        """What is not zero."""
        return {name: found for name, found in asdict(self).items() if name != "kills" and found}


class Trial:
    """One study in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = StudyFolder.of(folder / "runs", "sample")
        self.store = Store(self._files.store)
        self.database = folder / "runs" / "mlflow.db"

    def prepare(self) -> None:
        """Begin anew, from the study's file alone."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "sample.yaml").write_text(STUDY)

    @contextmanager
    def driver(self, screen: Path) -> Iterator[Life]:
        """The study's command at work."""
        command = [COMMAND, "run", "sample.yaml", *OVERRIDES]
        here = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
        with (
            screen.open("w") as output,
            running(command, cwd=self.folder, env=here, stdout=output) as found,
        ):
            yield Life(self, found, screen)

    @property
    def committed(self) -> int:
        """How many runs the store has."""
        return len(self.store.committed())

    @property
    def digests(self) -> dict[str, str]:
        """Those of all committed runs."""
        return {one.run_id: one.digest for one in self.store.manifests()}

    @property
    def half_published(self) -> set[str]:
        """The runs that MLflow holds a part of, as its files lie there."""
        with TemporaryDirectory() as copy:  # who opens the database itself may mend it
            for ending in ("", "-wal"):
                with suppress(FileNotFoundError):
                    shutil.copy(f"{self.database}{ending}", copy)
            with closing(sqlite3.connect(Path(copy, "mlflow.db"))) as database:
                try:
                    return {row[0] for row in database.execute(HALF_PUBLISHED)}
                except sqlite3.Error:  # no tables yet, or copied in the middle of a change
                    return set()

    @property
    def is_reported(self) -> bool:
        """Whether the report of all runs is complete."""
        return (self._files.report / "made-from.txt").is_file()

    def verified(self) -> int:
        """Exit code of ``pinn-sweep verify``."""
        with (self.folder / "verify.txt").open("w") as output:
            return subprocess.run(
                [COMMAND, "verify", "sample"],
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode


class Life:
    """One driver at work on a study."""

    def __init__(self, trial: Trial, process: subprocess.Popen[str], screen: Path) -> None:
        self.process = process
        self._trial, self._screen = trial, screen
        self._before, self._began = trial.committed, time.monotonic()
        self._half_published, self._reported = trial.half_published, trial.is_reported

    @property
    def seconds(self) -> float:
        """How old the driver is."""
        return time.monotonic() - self._began

    @property
    def is_reporting(self) -> bool:
        """Whether the driver has begun to write the report."""
        return REPORTING in self._screen.read_text()

    @property
    def has_begun(self) -> bool:
        """Whether it has committed a run, or had none to commit and writes the report."""
        return self._trial.committed > self._before or self.is_reporting

    @property
    def is_publishing(self) -> bool:
        """Whether it is writing a run into MLflow: one that no driver before it left half-made."""
        return bool(self._trial.half_published - self._half_published)

    @property
    def phase(self) -> str:
        """What the driver is doing, as its screen and files tell."""
        if self._trial.is_reported and not self._reported:
            return "publishing"  # the report's figures, and the ends of families
        if self.is_reporting:
            return "report"
        if self.is_publishing:
            return "publishing"
        return "training" if self._trial.committed > self._before else "start"

    def comes_to(self, condition: Callable[[], bool]) -> bool:
        """Wait for a condition; False if the driver ends before. A driver that hangs raises."""
        while not condition():
            if self.process.poll() is not None:
                return False
            if self.seconds > HANGS:
                raise TimeoutError(f"{self._screen}: no end after {HANGS:g} s")
            time.sleep(0.05)
        return True

    def has_committed(self, runs: int) -> bool:
        """Whether so many runs more are committed than when it began, or none is left to be."""
        return self.has_begun and self._trial.committed >= min(self._before + runs, RUNS)

    def reaches(self, aim: str, chance: random.Random, pace: Pace) -> bool:
        """Wait for a moment of a phase, at random but not after it; False if the driver ends."""
        if aim == "start":
            age = chance.uniform(0, pace.start)
            return self.comes_to(lambda: self.seconds >= age or self.has_begun)
        if aim == "training":
            runs = chance.randint(1, RUNS - 1)
            return self.comes_to(lambda: self.has_committed(runs))
        if aim == "publishing":
            return self.comes_to(lambda: self.is_publishing or self.is_reporting)
        if not self.comes_to(lambda: self.is_reporting):
            return False
        age = self.seconds + (chance.uniform(0, pace.report) if aim == "report" else HANGS)
        return self.comes_to(lambda: self.seconds >= age or self._trial.is_reported)

    def kill(self, aim: str) -> Kill:
        """End all of it at once, and look at what is there."""
        seconds = round(self.seconds, 1)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return Kill(aim, self.phase, self._trial.committed, seconds)

    def family(self) -> dict[Path, bytes]:
        """Its processes, each with its command line."""
        found = family(self.process.pid)
        return dict(zip(found, commands(found), strict=True))


class Campaign:
    """All trials in a folder, compared with one that nothing disturbs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def _quiet(self) -> tuple[Trial, Pace]:
        """The undisturbed study; the first command in the folder makes it."""
        trial, note = Trial(self._folder / "quiet"), self._folder / "pace.json"
        if note.is_file():
            return trial, Pace(**json.loads(note.read_text()))
        trial.prepare()
        with trial.driver(trial.folder / "screen.txt") as life:
            life.comes_to(lambda: life.has_committed(1))
            first = life.seconds
            life.comes_to(lambda: life.is_reporting)
            reporting = life.seconds
            life.comes_to(lambda: trial.is_reported)
            reported = life.seconds
            life.comes_to(lambda: False)
        assert life.process.returncode == 0, "see quiet/screen.txt"
        assert trial.committed == RUNS
        pace = Pace(start=first, report=reported - reporting)
        note.write_text(json.dumps(asdict(pace)))
        return trial, pace

    def outcome(self, number: int) -> Outcome:
        """What became of a study, which is carried out unless that is known."""
        file = self._folder / f"{number:03}.json"
        if not file.is_file():
            trial = Trial(self._folder / f"{number:03}")
            found = self._carried_out(trial, random.Random(number))
            file.write_text(json.dumps(asdict(found), indent=1))
            if not found.wrong:
                shutil.rmtree(trial.folder)
        return _read(file)

    def known(self) -> dict[int, Outcome]:
        """Of all studies that are through, by their numbers."""
        return {int(file.stem): _read(file) for file in sorted(self._folder.glob("[0-9]*.json"))}

    def _carried_out(self, trial: Trial, chance: random.Random) -> Outcome:
        quiet, pace = self._quiet
        trial.prepare()
        kills, killed = [], {}
        for number, aim in enumerate((*AIMS, chance.choice(LAST_AIMS)), start=1):
            with trial.driver(trial.folder / f"screen-{number}.txt") as life:
                if life.reaches(aim, chance, pace):
                    killed |= life.family()
                    kills.append(life.kill(aim))
        with trial.driver(trial.folder / "screen-last.txt") as life:
            life.comes_to(lambda: False)
        planned, found = quiet.digests, trial.digests
        screens = [screen.read_text() for screen in trial.folder.glob("screen-*.txt")]
        return Outcome(
            kills=kills,
            lost=len(planned.keys() - found.keys()),
            twice=len(trial.store.conflicts()),
            altered=sum(planned.get(run_id) != found[run_id] for run_id in found),
            mlflow=int(published(trial.database) != published(quiet.database)),
            code=life.process.returncode,
            verify=trial.verified(),
            tracebacks=sum("Traceback" in said for said in screens),
            left=sum(commands([one]) == [command] for one, command in killed.items()),
        )


def _read(file: Path) -> Outcome:
    plain = json.loads(file.read_text())
    return Outcome(**plain | {"kills": [Kill(**one) for one in plain["kills"]]})


def table(outcomes: Sequence[Outcome]) -> str:
    """How many kills fell into which phase, and what was wrong afterwards."""
    kills = Counter(kill.phase for outcome in outcomes for kill in outcome.kills)
    wrong = Counter[str]()
    for outcome in outcomes:
        wrong.update(outcome.wrong)
    row = {"studies": len(outcomes), "kills": kills.total()}
    row |= {name: kills[name] for name in AIMS}
    row |= {name: wrong[name] for name in asdict(Outcome()) if name != "kills"}
    return markdown_table([row], {name: name for name in row})


def main() -> None:
    """Carry out what is missing, then print the table."""
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none later")
    asked = parser.parse_args()
    campaign, until = Campaign(asked.folder), time.monotonic() + 60 * asked.minutes
    for number in range(asked.studies):
        if time.monotonic() < until:
            outcome = campaign.outcome(number)
            phases = ", ".join(kill.phase for kill in outcome.kills)
            print(f"{number}: killed in {phases}: {outcome.wrong or 'all is well'}", flush=True)
    outcomes = campaign.known().values()
    print(table(list(outcomes)))
    sys.exit(any(outcome.wrong for outcome in outcomes))


if __name__ == "__main__":
    main()
