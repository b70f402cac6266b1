"""Where a store can be: a folder's path, or an address such as ``s3://bucket/prefix``."""

import os
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import parse_qsl, urlsplit

from sweeps.errors import StudyError, closest, excerpt, quoted
from sweeps.process.deadline import problem_within
from sweeps.store.bucket import bucket_at

OPTIONS = ("endpoint_override", "region", "scheme")
"""What may follow the ``?`` of an address."""

DEADLINE = 8.0
"""Seconds that an object store has to answer, before any training."""


def is_address(store: str) -> bool:
    """Whether this is an address and not a path."""
    return "://" in store


def check_address(store: str) -> None:
    """Raise ``StudyError`` unless this is a path, or an address without secrets that we can read.

    Such an address can be shown anywhere. Credentials come from the environment, a profile or the
    machine's role, as with all of AWS's tools.
    """
    if not is_address(store):
        return
    scheme = store.partition("://")[0]
    if scheme != "s3":
        raise StudyError(
            f"store: found an address of {quoted(scheme)}, allowed: a folder's path or "
            "s3://bucket/prefix (any S3-compatible server with ?endpoint_override=host:port)"
        )
    parts = urlsplit(store)
    if "@" in store or parts.fragment:
        raise StudyError(
            "store: the address of an object store must not hold credentials; give them as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in a profile, or by the machine's role"
        )
    if not parts.netloc:
        raise StudyError(f"store: {quoted(store)} names no bucket, expected s3://bucket/prefix")
    for option, _ in parse_qsl(parts.query, keep_blank_values=True):
        if option not in OPTIONS:
            allowed = ", ".join(OPTIONS)
            raise StudyError(
                f"store: found the option {quoted(option)} in the address, "
                f"allowed: {allowed}{closest(option, OPTIONS)}"
            )


def check_store(store: str, *, write: bool = False) -> None:
    """See that an object store can be listed and, if asked for, written; nothing is left there.

    Raises ``StudyError`` within ten seconds: not an address, no such bucket, no permission, no
    answer. A folder's path is not looked at.
    """
    check_address(store)
    if is_address(store):
        problem = problem_within(DEADLINE, lambda: bucket_at(store).try_out(write=write), reason)
        if problem:
            raise StudyError(f"store {excerpt(store)} cannot be used: {problem}")


def check_folder(folder: Path) -> None:
    """See that a folder can be written, or made where it is not there; nothing is left behind.

    Raises ``StudyError``.
    """
    nearest = nearest_folder(folder)
    try:
        with TemporaryFile(dir=nearest) as file:
            file.write(b"pinn-sweep")
    except OSError as error:
        found = error.strerror or error
        raise StudyError(
            f"{excerpt(folder)} cannot be written: {found} ({excerpt(nearest)})"
        ) from None


def nearest_folder(path: Path) -> Path:
    """What is there of a path: itself, or the innermost of the folders around it."""
    around = [path.absolute(), *path.absolute().parents]
    return next(each for each in around if os.path.exists(each))  # never raises


def reason(error: BaseException) -> str:
    """What an object store complained of, in one line."""
    return str(error).partition("\n")[0] or repr(error)


def below(root: str, name: str) -> str:
    """The address or path of ``name`` in the folder ``root``.

    >>> below("s3://bucket/studies?region=eu-west-1", "demo")
    's3://bucket/studies/demo?region=eu-west-1'
    """
    folder, mark, options = root.partition("?") if is_address(root) else (root, "", "")
    return f"{folder.rstrip('/')}/{name}{mark}{options}"
