"""The object store refuses, fails or is slow in the middle of a study."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.execution import launch as launch_module
from sweeps.store.folder import StudyFolder
from sweeps.store.store import Store
from tests.processes import running
from tests.proxy import Proxy, Trouble, proxy_of
from tests.sweeps.s3 import S3
from tests.sweeps.samples import VERIFIED
from tests.sweeps.test_study_on_s3 import digests, launch, pinn_sweep, sample_study, undisturbed

__all__ = ["undisturbed"]

REFUSAL = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>{0}</Message></Error>"
"""How S3 says no."""

WRONG_KEY = Trouble(403, REFUSAL.format("InvalidAccessKeyId"))
EXPIRED_TOKEN = Trouble(400, REFUSAL.format("ExpiredToken"))
FAILS = Trouble(500)

WRITING = "PUT .*parquet"
LISTING = "GET .*list-type"
READING = "GET .*parquet"

DRIVER = """
import sys
from pathlib import Path
from sweeps.execution import launch as launch_module
from sweeps.store import bucket
from tests.sweeps.test_study_on_s3 import launch
if sys.argv[3] == "no report":
    launch_module.bring_report_up_to_date = lambda *_: None
bucket.PAUSES = (0.1, 0.1)
code, said = launch(Path(sys.argv[1]), sys.argv[2])
print(said)
sys.exit(code)
"""
"""A process of its own: where the store cannot be told, a lock ends with its process."""

COMMAND = Path(sys.executable).with_name("pinn-sweep")


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_module, "bring_report_up_to_date", lambda *_: None)


@pytest.fixture(scope="module")
def proxy(s3: S3) -> Iterator[Proxy]:
    with proxy_of(s3.endpoint) as proxy:
        yield proxy


@pytest.fixture
def store(s3: S3, proxy: Proxy) -> Iterator[str]:
    """An address that leads through the proxy."""
    yield s3.address("studies").replace(s3.endpoint, proxy.address)
    proxy.heal()


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(500, first=WRITING, nth=3, requests=5),
        pytest.param(
            Trouble(503, REFUSAL.format("SlowDown"), first=LISTING, nth=12, requests=4),
            marks=pytest.mark.slow,
        ),
        Trouble(500, served=True, first="PUT .*json", nth=4, requests=4),
        pytest.param(Trouble(delay=0.05, first=WRITING, nth=2), marks=pytest.mark.slow),
        pytest.param(Trouble(delay=11, first=WRITING, nth=5, requests=1), marks=pytest.mark.slow),
    ],
    ids=["fails", "asks for patience", "its answers are lost", "slow", "slower than we wait"],
)
def test_a_study_outlives_an_object_store_that_stumbles(
    trouble: Trouble, store: str, proxy: Proxy, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    proxy.make(trouble)
    code, said = launch(tmp_path, store)
    assert code == 0
    assert proxy.struck >= min(trouble.requests, 10)
    assert not re.search("lost|failed|unreachable|cannot", said)
    assert digests(tmp_path) == undisturbed
    assert Store(StudyFolder.of(tmp_path / "runs", "sample").store).conflicts() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "first", "nth", "report"),
    [
        (WRONG_KEY, WRITING, 3, "no report"),
        (WRONG_KEY, READING, 6, "report"),
        (EXPIRED_TOKEN, WRITING, 8, "no report"),
        (FAILS, LISTING, 25, "no report"),
        (FAILS, READING, 6, "report"),
    ],
    ids=["key, search", "key, report", "token, rerun", "fails, search", "fails, report"],
)
def test_an_object_store_that_is_lost_ends_the_study_in_a_word_and_it_goes_on_later(
    trouble: Trouble,
    first: str,
    nth: int,
    report: str,
    store: str,
    proxy: Proxy,
    tmp_path: Path,
    undisturbed: dict[str, str],
) -> None:
    proxy.make(replace(trouble, first=first, nth=nth))
    with running([sys.executable, "-c", DRIVER, tmp_path, store, report]) as driver:
        said, _ = driver.communicate()
    assert driver.returncode == 1, said
    assert proxy.struck
    (message,) = (line for line in said.splitlines() if "cannot" in line)
    assert re.match("cannot .* s3://tests/.*; nothing committed is lost: ", message)
    assert re.search("HTTP status|ACCESS_DENIED|INVALID_ACCESS_KEY_ID", message)
    assert message.endswith("; run the same command again")
    assert not re.search("Traceback|failed:|unreachable", said)
    proxy.heal()
    assert digests(tmp_path).items() <= undisturbed.items()
    assert launch(tmp_path, store)[0] == 0
    assert digests(tmp_path) == undisturbed
    here = ("sample", "--runs-dir", tmp_path / "runs")
    assert pinn_sweep("sync", *here)[0] == 0
    assert pinn_sweep("verify", *here)[:2] == (0, VERIFIED)


@pytest.mark.slow
def test_workers_whose_key_is_refused_end_the_study_and_give_no_run_up(
    store: str, proxy: Proxy, tmp_path: Path
) -> None:
    sample_study(tmp_path)
    words = ("run", "sample.yaml", "search.sampler=tpe", "search.runs=4", "rerun.seeds=2")
    command = [COMMAND, *words, "--store", store]
    proxy.make(replace(WRONG_KEY, first=WRITING, nth=4))
    with running(command, cwd=tmp_path) as driver:
        said, _ = driver.communicate()
    assert driver.returncode == 1, said
    assert len(re.findall("cannot .* s3://tests/.*; run the same command again", said)) == 1
    assert not re.search("Traceback|failed:|lost,", said)
    proxy.heal()
    with running(command, cwd=tmp_path) as driver:
        said, _ = driver.communicate()
    assert driver.returncode == 0, said
    assert pinn_sweep("verify", "sample", "--runs-dir", tmp_path / "runs")[0] == 0


def test_every_verb_says_that_the_store_refuses(store: str, proxy: Proxy, tmp_path: Path) -> None:
    assert launch(tmp_path, store)[0] == 0
    for verb in ("status", "verify", "sync", "report"):
        proxy.make(replace(WRONG_KEY, first=READING))
        code, _, message = pinn_sweep(verb, "sample", "--runs-dir", tmp_path / "runs")
        assert (verb, code) == (verb, 1)
        assert re.fullmatch(r"pinn-sweep: cannot .* s3://tests/.*\n", message)
