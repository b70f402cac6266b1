"""Whatever faults befall whichever drivers, the study ends as if nothing had happened.

Schedules of faults are drawn at random: one or two drivers of a tiny study, one after the other,
each of them a process that is killed, interrupted, without disk or memory, or whose files are
damaged under its hands; then the same command undisturbed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from sweeps.checking.verify import verify
from sweeps.search.planned import planned_ids
from sweeps.store.folder import StudyFolder
from sweeps.store.results import Results
from sweeps.store.store import Store
from sweeps.study.study import load_study
from sweeps.tracking.mlflow_client import open_client
from tests.sweeps.forked import STUDY, Drivers
from tests.sweeps.published import published

SCHEDULES = int(os.environ.get("FAULT_SCHEDULES", "5"))
"""How many are drawn; continuous integration draws 200."""

ORDERED = "was ordered by SWEEP_FAULT"
"""How a traceback ends that had to be: nobody foresees that a rename raises."""

FAILED = re.compile(r"^search pinn .* failed", re.MULTILINE)
"""What a driver says of a run that it could not make: its best of the others is rerun meanwhile."""

WRITES = st.sampled_from(["before_write", "after_write", "after_rename"])
DAMAGED = st.sampled_from(["after_write", "after_rename"])
STEPS = st.sampled_from(["in_step:1", "in_step:2", "in_step:3"])
TROUBLE = st.sampled_from(["kill9", "raise", "enospc", "enomem", "interrupt"])
IN_TRAINING = st.sampled_from(["kill9", "raise", "enospc", "interrupt"])
DAMAGE = st.sampled_from(["flip", "truncate"])


def fault(site: str, occurrence: int, action: str) -> str:
    return f"{site}@{occurrence}:{action}"


FAULTS = (
    st.builds(fault, WRITES, st.integers(1, 12), TROUBLE)
    | st.builds(fault, DAMAGED, st.integers(1, 12), DAMAGE)
    | st.builds(fault, st.just("before_publish"), st.integers(1, 4), TROUBLE)
    | st.builds(fault, STEPS, st.integers(1, 4), IN_TRAINING)
    # a pack is halved; a single run is given up, and this driver chooses its reruns without it
    | st.builds(fault, STEPS, st.just(1), st.just("enomem"))
)
DATABASE = Path("runs", "mlflow.db")
DRIVER = st.tuples(st.lists(FAULTS, min_size=1, max_size=2), st.booleans())
"""The faults of one driver, and whether its packs leave a checkpoint after every step."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without a run: making its tables takes seconds."""
    file = tmp_path_factory.mktemp("tables") / "mlflow.db"
    open_client(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture(scope="module")
def quiet(tables: Path, drivers: Drivers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which nothing happened."""
    folder = prepared(tmp_path_factory.mktemp("quiet"), tables)
    code, said = drivers.run(folder)
    assert code == 0, said
    return folder


def prepared(folder: Path, tables: Path) -> Path:
    (folder / "sample.yaml").write_text(STUDY)
    (folder / "runs").mkdir()
    shutil.copy(tables, folder / DATABASE)
    return folder


def store_of(folder: Path) -> Store:
    return Store(StudyFolder.of(folder / "runs", "sample").store)


def digests(folder: Path) -> dict[str, str]:
    return {one.run_id: one.digest for one in store_of(folder).manifests()}


def problems(folder: Path) -> list[object]:
    study = load_study(str(folder / "sample.yaml"))
    files = StudyFolder.of(folder / "runs", study.name)
    store = Store(files.store)
    planned = planned_ids(study, store, Results(store, study.metric, files.passed_over))
    return verify(study, store, planned).findings


@pytest.mark.parametrize(("checkpoints", "code"), [(True, 0), (False, -9)])
def test_a_killed_pack_goes_on_in_its_middle_if_it_left_a_checkpoint(
    checkpoints: bool, code: int, drivers: Drivers, tables: Path, quiet: Path, tmp_path: Path
) -> None:
    folder = prepared(tmp_path, tables)
    assert drivers.run(folder, "in_step:2:kill9", checkpoints)[0] == -9
    # of its three packs a study makes the first step of the third only if that of the first is
    # made again
    assert drivers.run(folder, "in_step:1@3:kill9")[0] == code
    assert (digests(folder) == digests(quiet)) == checkpoints


@pytest.mark.timeout(300 + 10 * SCHEDULES)
@example(schedule=[(["before_write@4:kill9"], False), (["in_step:1@1:enomem"], False)])
@example(schedule=[(["before_write@5:kill9"], False), (["before_write@2:raise"], True)])
@settings(max_examples=SCHEDULES, suppress_health_check=list(HealthCheck))
@given(schedule=st.lists(DRIVER, min_size=1, max_size=2))
def test_after_any_faults_the_study_is_what_it_would_have_been(
    schedule: list[tuple[list[str], bool]], drivers: Drivers, tables: Path, quiet: Path
) -> None:
    with TemporaryDirectory() as name:
        folder = prepared(Path(name), tables)
        failed = False
        for faults, often in schedule:
            code, said = drivers.run(folder, ",".join(faults), checkpoints=often)
            note(f"{faults}: exit code {code}\n{said}")
            assert code in (0, 1, 130, -9) or said.rstrip().endswith(ORDERED), said
            failed |= FAILED.search(said) is not None
        code, said = drivers.run(folder)
        note(f"undisturbed: exit code {code}\n{said}")
        assert code == 0, said
        made, expected = digests(folder), digests(quiet)
        assert made.items() >= expected.items()
        assert failed or len(made) == len(expected)
        assert problems(folder) == []
        shown, wanted = published(folder / DATABASE), published(quiet / DATABASE)
        assert all(every >= part for every, part in zip(shown, wanted, strict=True))
        assert shown[0] - wanted[0] == Counter(
            ("FINISHED", run) for run in made.keys() - expected.keys()
        )
        store = Path(store_of(folder).root)
        assert not list(store.parent.rglob("*.part"))
        assert not list(store.glob("checkpoints/*"))
