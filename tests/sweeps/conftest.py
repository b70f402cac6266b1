"""The object store that all tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sweeps.s3 import KEYS, S3, s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        yield S3(endpoint)
