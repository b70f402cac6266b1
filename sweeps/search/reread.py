"""The report of a study that ran, with another question, analysis or other expected numbers."""

from __future__ import annotations

from pathlib import Path

from sweeps.errors import StudyError, quoted
from sweeps.search.changes import differences, science
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed
from sweeps.store.locate import study_that_ran
from sweeps.study.study import Study, load_study, study_that_began

READ_ANEW = ("question", "analysis", "expected")
"""What decides how runs are read, and not which there are."""


def study_to_report(
    source: str, overrides: list[str], runs_dir: Path, store: str | None = None
) -> tuple[Study, StudyFolder]:
    """A study that ran, by its name as it ran or by a file as the file reads it, and its folder.

    Only ``READ_ANEW`` is taken from a file and from ``overrides``. Raises ``StudyError`` if the
    study has not been run, and for overrides or rules by which there would be other runs.
    """
    ran, folder = study_that_ran(source, runs_dir, store)
    if Path(source).is_file():
        return _read_as(ran, load_study(source, overrides), source), folder
    if not overrides:
        return ran, folder
    asked = load_sealed(folder.study_file, overrides)
    if others := _other_runs(ran, asked):
        raise StudyError(
            f"{others[0]}: a report is of the runs that there are; allowed: {', '.join(READ_ANEW)}"
        )
    return asked, folder


def _read_as(ran: Study, asked: Study, source: str) -> Study:
    """The study that ran, with what the other says of how to read it."""
    mixed = ran.model_copy(update={name: getattr(asked, name) for name in READ_ANEW})
    read = study_that_began(mixed.to_yaml(), f"{source}, read with the models that ran")
    if _other_runs(ran, read):
        raise StudyError(
            f"{source}: analysis.plateau: found another rule than when the study ran, and the "
            f"search goes by {quoted(str(ran.search.metric))}, so that the rule decides which runs "
            "there are",
            topic="other-plan",
        )
    return read.under_rule(ran.rule)


def _other_runs(before: Study, after: Study) -> list[str]:
    """The keys by which one study has other runs than the other."""
    was, now = science(before) | {"question": ""}, science(after) | {"question": ""}
    return list(differences(was, now))
