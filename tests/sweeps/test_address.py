"""What names a store, and what is refused before anything happens."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from sweeps.errors import StudyError
from sweeps.store import address
from sweeps.store.address import check_address, check_store
from tests.sweeps.s3 import S3


@pytest.mark.parametrize("good", ["runs", "/mnt/runs", "s3://bucket", "s3://bucket/a?region=x"])
def test_paths_and_buckets_are_good(good: str) -> None:
    check_address(good)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("gs://bucket/a", ["'gs'", "s3://bucket/prefix"]),
        ("s3:///a", ["names no bucket"]),
        ("s3://bucket/a?regio=x", ["'regio'", "did you mean 'region'"]),
        ("s3://bucket/a?secret_key=hush", ["'secret_key'"]),
        ("s3://key:hush@bucket/a", ["credentials", "AWS_ACCESS_KEY_ID"]),
        ("s3://bucket/a?endpoint_override=http://key:hush@host", ["credentials"]),
    ],
)
def test_other_addresses_are_refused_and_secrets_not_repeated(bad: str, words: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        check_address(bad)
    assert all(word in str(caught.value) for word in words)
    assert "hush" not in str(caught.value)


def test_a_bucket_that_is_there_is_accepted_and_nothing_is_created(s3: S3) -> None:
    for store in (s3.address("a"), s3.address_of("tests")):
        before = s3.objects(s3.address_of("tests"))
        check_store(store)
        check_store(store, write=True)
        assert s3.objects(s3.address_of("tests")) == before


@pytest.fixture
def silent() -> Iterator[str]:
    """An endpoint that takes calls and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_missing_bucket_is_named(s3: S3) -> None:
    with pytest.raises(StudyError, match=r"cannot be used: there is no bucket 'nowhere'"):
        check_store(s3.address_of("nowhere/a"))


def test_an_endpoint_that_does_not_answer_is_named_in_time(
    silent: str, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "DEADLINE", 1.0)
    for endpoint in (silent, "127.0.0.1:9"):
        started = time.monotonic()
        with pytest.raises(StudyError, match=f"{endpoint}.* cannot be used: "):
            check_store(f"s3://bucket/a?endpoint_override={endpoint}&scheme=http")
        assert time.monotonic() - started < 5
