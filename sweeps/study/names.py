"""Names that become folders, file names, MLflow experiments and tags."""

import re

_STUDY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def study_name(name: str) -> str:
    """The name itself, if it is harmless as a folder's name; raises ``ValueError`` otherwise.

    >>> study_name("plateaus-24")
    'plateaus-24'
    """
    if not _STUDY.fullmatch(name) or ".." in name:
        raise ValueError(
            f"found {name[:80]!r}, allowed: 1 to 64 letters, digits, '.', '_' and '-', "
            "the first a letter or digit, no '..'"
        )
    return name


def model_name(name: str) -> str:
    """The name itself, if it is harmless and without dots; raises ``ValueError`` otherwise."""
    if not _MODEL.fullmatch(name):
        raise ValueError(
            f"found {name[:80]!r}, allowed: 1 to 64 letters, digits, '_' and '-', "
            "the first a letter or digit"
        )
    return name
