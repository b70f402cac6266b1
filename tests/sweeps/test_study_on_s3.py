"""A whole study whose home is an object store: the same bits, the same promises, every verb."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sweeps.cli import app
from sweeps.errors import StudyError
from sweeps.execution import launch as launch_module
from sweeps.execution.launch import run_study
from sweeps.store import faults
from sweeps.store.folder import StudyFolder
from sweeps.store.lock import lock_holder, study_lock
from sweeps.store.store import ENDINGS, FIELDS, Store
from tests.sweeps.forked import Drivers
from tests.sweeps.s3 import KEYS, S3
from tests.sweeps.samples import VERIFIED, pinn_run, sample_study

SMALL = ("base.phases.0.steps=6", "rerun.seeds=2", "resources.retries=1")


def launch(folder: Path, store: str | None) -> tuple[int, str]:
    """Exit code and everything that was said."""
    screen = StringIO()
    code = run_study(
        sample_study(folder, *SMALL),
        runs_dir=folder / "runs",
        tracking_uri=f"sqlite:///{folder.parent}/mlflow.db",
        executor="inline",
        console=Console(file=screen, width=300),
        store=store,
    )
    return code, screen.getvalue()


def digests(folder: Path, store: str | None = None) -> dict[str, str]:
    found = Store(StudyFolder.of(folder / "runs", "sample", store).store)
    return {one.run_id: one.digest for one in found.manifests()}


def pinn_sweep(*words: str | Path) -> tuple[int, str, str]:
    """Exit code, what was said, and what was said on the error stream."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports take seconds; one test makes one."""
    monkeypatch.setattr(faults, "reached", Counter())
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the study gives in a folder of this machine."""
    folder = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        assert launch(folder, None)[0] == 0
    return digests(folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, s3: S3) -> tuple[Path, str]:
    """A folder from which the study ran, and the address of its home's parent."""
    folder, store = tmp_path_factory.mktemp("done"), s3.address("studies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)
        assert launch(folder, store)[0] == 0
    return folder, store


def test_a_study_gives_the_same_bits_and_leaves_all_of_it_there(
    done: tuple[Path, str], undisturbed: dict[str, str], s3: S3
) -> None:
    folder, store = done
    assert digests(folder) == undisturbed
    files = {f"store/{run}.{ending}" for run in undisturbed for ending in ENDINGS[:3]}
    objects = set(s3.objects(store))
    fields = {name for name in objects if name.endswith(f".{FIELDS}")}
    assert objects - fields == {f"sample/{name}" for name in files | {"study.yaml"}}
    assert len(fields) == 2, "one for each model"
    assert not (folder / "runs" / "sample" / "store").exists()


def test_no_secret_is_written_anywhere(done: tuple[Path, str], s3: S3) -> None:
    folder, store = done
    secret = KEYS["AWS_SECRET_ACCESS_KEY"].encode()
    assert not [name for name, content in s3.objects(store).items() if secret in content]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert not [file for file in files if secret in file.read_bytes()]


def test_every_verb_works_on_a_machine_that_has_nothing(
    done: tuple[Path, str], tmp_path: Path
) -> None:
    here = ("sample", "--runs-dir", tmp_path / "runs", "--store", done[1])
    code, said, _ = pinn_sweep("status", *here, "--json")
    assert code == 0
    assert json.loads(said)["complete"]
    code, said, _ = pinn_sweep("sync", *here)
    assert code == 0
    assert "10 runs written" in said
    assert pinn_sweep("verify", *here)[:2] == (0, VERIFIED)
    code, said, _ = pinn_sweep("report", *here)
    assert code == 0
    assert (tmp_path / "runs" / "sample" / "report" / "index.html").is_file()


def test_the_home_is_remembered_and_no_other_is_begun(
    done: tuple[Path, str], tmp_path: Path, s3: S3
) -> None:
    folder, store = done
    assert launch(folder, None)[0] == 0
    assert launch(folder, store)[0] == 0
    with pytest.raises(StudyError, match=f"keeps its trajectories under {store.partition('?')[0]}"):
        launch(folder, s3.address("elsewhere"))
    with pytest.raises(StudyError, match="keeps its trajectories under"):
        launch(folder, str(tmp_path))


def test_a_folder_that_all_machines_mount_is_a_home_too(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    shared = tmp_path / "mounted"
    assert launch(tmp_path, str(shared))[0] == 0
    assert digests(tmp_path) == undisturbed
    assert (shared / "sample" / "study.yaml").is_file()
    here = {entry.name for entry in (tmp_path / "runs" / "sample").iterdir()}
    assert "store.txt" in here
    assert not here & {"store", "study.yaml", "lock"}


@pytest.mark.parametrize("site", ["before_write@6", "after_rename@8"])
def test_a_killed_driver_is_resumed_from_another_machine_to_the_same_bits(
    site: str, tmp_path: Path, undisturbed: dict[str, str], s3: S3, drivers: Drivers
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    store = s3.address("studies")
    (first / "sample.yaml").write_text(sample_study(first, *SMALL).to_yaml())
    assert drivers.run(first, f"{site}:kill9", store=store)[0] == -9
    before = digests(second, store)
    assert 0 < len(before) < len(undisturbed)
    assert launch(second, store)[0] == 0
    assert digests(second) == undisturbed


def truncate(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]


@pytest.mark.parametrize(
    ("ending", "harm"),
    [
        ("parquet", truncate),
        ("parquet", flip),
        ("parquet", None),
        ("safetensors", flip),
        ("json", truncate),
        ("json", None),
    ],
)
def test_what_is_damaged_is_named_set_aside_and_done_again(
    ending: str,
    harm: Callable[[bytes], bytes] | None,
    done: tuple[Path, str],
    undisturbed: dict[str, str],
    s3: S3,
) -> None:
    folder, store = done
    run_id = pinn_run(sample_study(folder, *SMALL)).run_id
    file = f"{s3.path(store)}/sample/store/{run_id}.{ending}"
    if harm:
        s3.put(file, harm(s3.get(file)))
    else:
        s3.files.delete_file(file)
    code, said, _ = pinn_sweep("verify", "sample", "--runs-dir", folder / "runs", "--json")
    assert code == 1
    assert run_id in {finding["run_id"] for finding in json.loads(said)["findings"]}
    code, said = launch(folder, None)
    assert code == 0
    assert ("set aside, will be done again: s3://" in said) == (harm is not None)
    assert digests(folder) == undisturbed


def test_a_second_driver_is_refused(done: tuple[Path, str]) -> None:
    folder, _ = done
    home = StudyFolder.of(folder / "runs", "sample").home
    assert lock_holder(home) == ""
    with study_lock(home):
        assert f":{os.getpid()} since" in lock_holder(home)
        with pytest.raises(StudyError, match=rf"s3://.*/sample/ is locked by .*:{os.getpid()} "):
            launch(folder, None)
    assert lock_holder(home) == ""


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("s3://nowhere/a?endpoint_override={}&scheme=http", "there is no bucket 'nowhere'"),
        ("s3://key:hush@tests/a", "must not hold credentials"),
        ("gs://tests/a", "found an address of 'gs'"),
    ],
)
def test_a_store_that_cannot_be_is_refused_before_anything_is_made(
    store: str, words: str, s3: S3, tmp_path: Path
) -> None:
    sample_study(tmp_path)
    code, said, message = pinn_sweep(
        "run",
        tmp_path / "sample.yaml",
        "--runs-dir",
        tmp_path / "runs",
        "--store",
        store.format(s3.endpoint),
    )
    assert (code, said) == (2, "")
    assert words in message
    assert "hush" not in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
