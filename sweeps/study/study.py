"""A study file read: its sections, every key checked, and the configurations of its runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pinn_core.configuration import Configuration
from pinn_core.plugins import place_in_plugin
from sweeps.errors import StudyError
from sweeps.study.grids import check_grids
from sweeps.study.observed import read_data_of
from sweeps.study.parts import configuration_of, configuration_with, refused
from sweeps.study.plugins import load_plugins_of, loaded_for, plugin_names
from sweeps.study.resolving import check_last_row, resolved_study
from sweeps.study.sections import Rerun, Resources, Study
from sweeps.study.space import Range
from sweeps.study.study_file import StudyFile, dotted_key, read_study_file, text_of
from sweeps.study.validation import Wrong, first_error

__all__ = [
    "Range",
    "Rerun",
    "Resources",
    "Study",
    "configuration_at",
    "configuration_of",
    "load_study",
    "study_from",
    "study_that_began",
]


def load_study(source: str, overrides: Sequence[str] = ()) -> Study:
    """The study in a file, or a shipped one by its name ("demo"), after dotted overrides.

    Raises ``StudyError`` naming the file and line (or the override), the key, what was found, what
    is allowed and the closest name.
    """
    return study_from(text_of(source), source, overrides)


def study_from(text: str, source: str, overrides: Sequence[str] = ()) -> Study:
    """The study that a text describes, after dotted overrides; ``source`` is said in errors."""
    file = read_study_file(text, source, overrides)
    load_plugins_of(file, source)
    read_data_of(file, source)
    return _study(file, _check_new)


def study_that_began(text: str, source: str, overrides: Sequence[str] = ()) -> Study:
    """The study that a text describes and that was begun, after dotted overrides.

    Its problems' grids are not made, and its plugins have to be loaded: no code is run that only a
    store names.
    """
    file = read_study_file(text, source, overrides)
    try:
        loaded_for(plugin_names(file))
    except StudyError as error:
        raise StudyError(f"{source}: {error}", topic="plugin-is-needed") from None
    return _study(file, lambda _: None)


def _check_new(study: Study) -> None:
    check_grids(study)
    check_last_row(study)


def _study(file: StudyFile, check: Callable[[Study], None]) -> Study:
    try:
        study = resolved_study(Study.model_validate(file.data))
        check(study)
    except ValidationError as error:
        wrong = first_error(error, file.data)
    except Wrong as error:
        wrong = error
    except Exception as error:
        if place := place_in_plugin(error):
            raise StudyError(f"{place}: {type(error).__name__}: {error}") from error
        raise
    else:
        return study
    key = f"{dotted_key(wrong.keys)}: " if wrong.keys else ""
    raise StudyError(f"{file.place(wrong.keys)}: {key}{wrong.message}")


def configuration_at(study: Study, model: str, point: Mapping[str, Any]) -> Configuration:
    """The configuration of a model's run: base, objective, and ``point``'s values by dotted key."""
    try:
        return configuration_with(study.configuration_of(model), point)
    except Wrong as error:
        raise refused(error) from None
