"""The study as it was resolved, kept with a checksum: what it says decides which runs there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from pinn_core.configuration import RULE
from sweeps.errors import LaterVersion, StudyError
from sweeps.store.document import Document
from sweeps.study.plugins import loaded_for
from sweeps.study.study import Study, study_that_began

SEAL = "# written by pinn-sweep, not to be edited; checksum "
_SEAL = re.compile(f"{re.escape(SEAL)}([0-9a-f]+)(?:; rule ([0-9]+))?(?:; plugins .*)?")
_FIRST_RULE = 1
"""The rule of studies whose seal names none."""


def sealed(study: Study) -> str:
    """The study as YAML; its first line is a comment that says what the others do not.

    That is their checksum, the rule, and the hashes of the plugins. It is the first because that
    is what stays of a file that was cut, which may be whole YAML.
    """
    text = study.to_yaml()
    known = ", ".join(f"{plugin.name} {plugin.hash}" for plugin in loaded_for(study.plugins))
    plugins = f"; plugins {known}" if known else ""
    return f"{SEAL}{_checksum(text)}; rule {study.rule}{plugins}\n{text}"


def load_sealed(file: Document, overrides: Sequence[str] = ()) -> Study:
    """The study in a file that ``sealed`` made, or that has no seal, after dotted overrides.

    Raises ``StudyError`` naming the file if it is damaged, was edited, or is of a later version of
    this program.
    """
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise StudyError(f"{file}: damaged: {error}") from None
    first, _, others = text.partition("\n")
    if not first.startswith(SEAL):
        return study_that_began(text, str(file), overrides)
    seal = _SEAL.fullmatch(first)
    if seal is None or seal[1] != _checksum(others):
        raise StudyError(
            f"{file}: damaged or edited: its checksum is not the one written",
            topic="damaged-study-file",
        )
    rule = int(seal[2] or _FIRST_RULE)
    if rule > RULE:
        raise LaterVersion(
            f"{file}: made by a later version: rule {rule}, this one knows 1 to {RULE}"
        )
    return study_that_began(text, str(file), overrides).under_rule(rule)


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
