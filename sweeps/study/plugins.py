"""The plugins of a study: imported before the study is read, for its parts may come from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pinn_core import plugins
from pinn_core.plugins import Plugin, PluginError
from sweeps.errors import StudyError
from sweeps.study.study_file import StudyFile

KEY = "plugins"


def load_plugins(names: Iterable[str], folder: Path) -> list[Plugin]:
    """Import what the command line names, and what is installed; raises ``StudyError``.

    Files are relative to ``folder``.
    """
    try:
        return [*plugins.load_installed(), *(plugins.load(name, folder) for name in names)]
    except PluginError as error:
        raise StudyError(str(error)) from error


def load_plugins_of(file: StudyFile, source: str) -> None:
    """Import the plugins that a study file names, relative to where it lies.

    Raises ``StudyError`` naming the file and the line.
    """
    for place, name in enumerate(plugin_names(file)):
        try:
            plugins.load(name, Path(source).parent)
        except PluginError as error:
            raise StudyError(
                f"{file.place((KEY, place))}: {error}", topic="plugin-cannot-be-imported"
            ) from error
    load_plugins([], Path())


def plugin_names(file: StudyFile) -> list[str]:
    """What a study file calls its plugins; what is no list of names is refused by the schema."""
    names = file.data.get(KEY, [])
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def loaded_for(names: Iterable[str]) -> list[Plugin]:
    """The loaded plugins of these names, and those that are installed; raises ``StudyError``."""
    known = {Path(plugin.name).name: plugin for plugin in plugins.loaded()}
    missing = [name for name in names if Path(name).name not in known]
    if missing:
        first = Path(missing[0]).name
        where = f"PATH/{first}" if first.endswith(".py") else first
        raise StudyError(
            f"it needs the plugin {missing[0]!r}: give it with --plugin {where}, in Python with "
            f"plugins=[{where!r}]"
        )
    asked = {Path(name).name for name in names}
    return [plugin for name, plugin in known.items() if name in asked or not name.endswith(".py")]


def copies(names: Iterable[str]) -> Mapping[str, str]:
    """Texts of the plugins' files by name: for reading, never for running."""
    return {name: text for plugin in loaded_for(names) for name, text in plugin.files.items()}
