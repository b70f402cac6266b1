"""The study as it was resolved, kept with a checksum: what it says decides which runs there are."""

from __future__ import annotations

import re
from hashlib import blake2b

from pinn_core.configuration import RULE
from sweeps.errors import LaterVersion, StudyError
from sweeps.store.document import Document
from sweeps.study.study import Study, study_that_began

SEAL = "# written by pinn-sweep, not to be edited; checksum "
_SEAL = re.compile(f"{re.escape(SEAL)}([0-9a-f]+)(?:; rule ([0-9]+))?")
_FIRST_RULE = 1
"""The rule of studies whose seal names none."""


def sealed(study: Study) -> str:
    """The study as YAML; its first line is a comment with the checksum of the others and the rule.

    The first: of a file that was cut, which may be whole YAML, it is what stays.
    """
    text = study.to_yaml()
    return f"{SEAL}{_checksum(text)}; rule {study.rule}\n{text}"


def load_sealed(file: Document) -> Study:
    """The study in a file that ``sealed`` made, or that has no seal.

    Raises ``StudyError`` naming the file if it is damaged, was edited, or is of a later version of
    this program.
    """
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise StudyError(f"{file}: damaged: {error}") from None
    first, _, others = text.partition("\n")
    if not first.startswith(SEAL):
        return study_that_began(text, str(file))
    seal = _SEAL.fullmatch(first)
    if seal is None or seal[1] != _checksum(others):
        raise StudyError(f"{file}: damaged or edited: its checksum is not the one written")
    rule = int(seal[2] or _FIRST_RULE)
    if rule > RULE:
        raise LaterVersion(
            f"{file}: made by a later version: rule {rule}, this one knows 1 to {RULE}"
        )
    return study_that_began(text, str(file)).under_rule(rule)


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
