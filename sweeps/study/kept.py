"""The study as it was resolved, kept with a checksum: what it says decides which runs there are."""

from __future__ import annotations

from hashlib import blake2b

from sweeps.errors import StudyError
from sweeps.store.document import Document
from sweeps.study.study import Study, study_from

SEAL = "# written by pinn-sweep, not to be edited; checksum "


def sealed(study: Study) -> str:
    """The study as YAML, its first line a comment with the checksum of the others.

    The first: of a file that was cut, which may be whole YAML, it is what stays.
    """
    text = study.to_yaml()
    return f"{SEAL}{_checksum(text)}\n{text}"


def load_sealed(file: Document) -> Study:
    """The study in a file that ``sealed`` made, or that has no seal.

    Raises ``StudyError`` naming the file if it is damaged or was edited.
    """
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise StudyError(f"{file}: damaged: {error}") from None
    first, _, others = text.partition("\n")
    if first.startswith(SEAL) and first.removeprefix(SEAL) != _checksum(others):
        raise StudyError(f"{file}: damaged or edited: its checksum is not the one written")
    return study_from(text, str(file))


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
