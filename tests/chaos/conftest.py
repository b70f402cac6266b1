"""The object store of the tests of studies serves here too."""

from tests.sweeps.conftest import s3

__all__ = ["s3"]
