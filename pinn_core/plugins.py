"""A researcher's own parts: Python files and modules that a study names, imported everywhere alike.

A plugin is a Python file beside the study, an importable module, or an installed distribution that
lists modules in the entry-point group ``pinn_sweeps.parts``. Importing it registers its parts,
which then carry the plugin's hash: what a run is called depends on the code of its parts, so that
runs of changed code are never taken for those of the old one.

The hash is that of the code without its comments, and of the modules beside it that it imports; it
is the same on every version of Python and on every machine.
"""

import ast
import hashlib
import importlib
import importlib.util
import io
import sys
import tempfile
import tokenize
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pinn_core.messages import last_line
from pinn_core.parts import PLUGIN

GROUP = "pinn_sweeps.parts"
"""Entry points of installed distributions whose modules hold parts."""

_SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING}
_BREAKS = {tokenize.NEWLINE: "\n", tokenize.INDENT: "\x01", tokenize.DEDENT: "\x02"}


class PluginError(ValueError):
    """A plugin that cannot be used; the message names it and, where there is one, file and line."""


@dataclass(frozen=True)
class Plugin:
    """One plugin as it is: what a study calls it, its hash, and the text of its files.

    ``module`` is the one to import, ``modules`` are the last names of all that the hash covers;
    ``files`` are those that travel to workers, by name, the plugin's own first; none for a module,
    which every machine must have.
    """

    name: str
    hash: str
    module: str
    modules: Sequence[str]
    files: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, which travels anywhere."""
        return asdict(self)


_loaded: dict[str, Plugin] = {}
"""The plugins of this process by the names of their modules."""


def load(name: str, folder: Path) -> Plugin:
    """Import a plugin: a file (``my_pde.py``, relative to ``folder``) or a module (``lab.pdes``).

    Raises ``PluginError``.
    """
    if name.endswith(".py"):
        path = (folder / name).resolve()
        if not path.is_file():
            raise PluginError(f"plugin {name!r}: there is no file {path}")
        files = _with_neighbours(path)
        plugin = Plugin(name, _hash_of(files), path.stem, _stems(files), files)
        return _imported(plugin, path)
    return _imported(_installed(name, name))


def load_installed() -> list[Plugin]:
    """Import the plugins of installed distributions; raises ``PluginError``."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return [_imported(_installed(point.name, point.module)) for point in points]


def load_shipped(plain: Mapping[str, Any]) -> Plugin:
    """Import a plugin that another process sent with ``Plugin.to_dict``.

    Its files are written into a private temporary folder. Raises ``PluginError`` also where a
    module's code is not what the other process has.
    """
    plugin = Plugin(**plain)
    known = _loaded.get(plugin.module)
    if known is not None and known.hash == plugin.hash:
        return known
    if plugin.files:
        folder = Path(tempfile.mkdtemp(prefix="pinn-plugin-"))
        for name, text in plugin.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return _imported(plugin, folder / next(iter(plugin.files)))
    here = _installed(plugin.name, plugin.module)
    if here.hash != plugin.hash:
        raise PluginError(
            f"plugin {plugin.name!r}: its code on this machine ({here.hash}) is not that of the "
            f"machine where the study was started ({plugin.hash})"
        )
    return _imported(here)


def loaded() -> list[Plugin]:
    """All plugins of this process."""
    return list(_loaded.values())


def place_in_plugin(error: BaseException) -> str | None:
    """File and line of a plugin that an error passed through, the innermost; None if it did not."""
    return last_line(error, {name for plugin in _loaded.values() for name in _names(plugin)})


def code_hash(sources: Sequence[str]) -> str:
    """Hash of Python sources: of their tokens without comments and blank lines.

    >>> code_hash(["x = 1  # one"]) == code_hash(["x  =  1"]) != code_hash(["x = 2"])
    True
    """
    state = hashlib.blake2b(digest_size=8)
    for source in sources:
        for token in _tokens(source):
            state.update(token.encode() + b"\0")
        state.update(b"\n\n")
    return state.hexdigest()


def _imported(plugin: Plugin, path: Path | None = None) -> Plugin:
    """Execute a plugin's module unless this very code was executed before."""
    known = _loaded.get(plugin.module)
    if known is not None and known.hash == plugin.hash:
        return known
    token = PLUGIN.set(dict.fromkeys(_names(plugin), plugin.hash))
    try:
        if path is None:
            if plugin.module in sys.modules:  # imported before, by others or with other code
                importlib.reload(sys.modules[plugin.module])
            else:
                importlib.import_module(plugin.module)
        else:
            _execute(plugin, path)
    except (Exception, SystemExit) as error:  # importing runs whatever the file holds
        where = _where(error, _names(plugin))
        raise PluginError(f"plugin {plugin.name!r}: {where}{_said(error)}") from error
    finally:
        PLUGIN.reset(token)
    _loaded[plugin.module] = plugin
    return plugin


def _names(plugin: Plugin) -> list[str]:
    """The whole names of its modules."""
    package = plugin.module.rpartition(".")[0]
    return [f"{package}.{name}" if package else name for name in plugin.modules]


def _execute(plugin: Plugin, path: Path) -> None:
    """Run a plugin's file as the module of its name; modules beside it can be imported."""
    before = sys.modules.get(plugin.module)
    if before is not None and plugin.module not in _loaded:
        raise PluginError(f"a module {plugin.module!r} is loaded already: rename the file")
    for name in plugin.modules:  # those of an earlier version of this plugin
        sys.modules.pop(name, None)
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    spec = importlib.util.spec_from_file_location(plugin.module, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[plugin.module] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[plugin.module]
        raise


def _installed(name: str, module: str) -> Plugin:
    """A plugin that is an importable module, not yet imported."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise PluginError(f"plugin {name!r}: {_said(error)}") from None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise PluginError(
            f"plugin {name!r}: found neither a file that ends in .py nor a module of that name"
        )
    files = _with_neighbours(Path(spec.origin))
    return Plugin(name, _hash_of(files), module, _stems(files))


def _stems(files: Mapping[str, str]) -> list[str]:
    return [Path(name).stem for name in files]


def _with_neighbours(path: Path) -> dict[str, str]:
    """The text of a file and of the files beside it that it imports, directly or not."""
    files: dict[str, str] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        if file.name in files:
            continue
        try:
            files[file.name] = file.read_text(encoding="utf-8")
            names = list(_imports(files[file.name]))
        except (OSError, ValueError) as error:
            raise PluginError(
                f"plugin {path.name!r}: {file.name} cannot be read: {error}"
            ) from None
        except SyntaxError as error:
            place = f"{file.name}, line {error.lineno}: "
            raise PluginError(f"plugin {path.name!r}: {place}{_said(error)}") from None
        waiting += [beside for name in names if (beside := path.parent / f"{name}.py").is_file()]
    return files


def _imports(source: str) -> Iterator[str]:
    """Last and first names of the modules that a source imports, in order."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from {alias.name.partition(".")[0], alias.name.rpartition(".")[2]}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from {module.partition(".")[0], module.rpartition(".")[2]}
            if node.level or module:
                yield from (alias.name for alias in node.names)


def _hash_of(files: Mapping[str, str]) -> str:
    first, *others = files
    return code_hash([files[first], *(files[name] for name in sorted(others))])


def _tokens(source: str) -> Iterator[str]:
    """Texts of the tokens; a formatted string is one, as it was before Python 3.12."""
    lines = source.splitlines(keepends=True)
    depth, start = 0, (0, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("FSTRING_START", "TSTRING_START"):
            start = token.start if depth == 0 else start
            depth += 1
        elif kind in ("FSTRING_END", "TSTRING_END"):
            depth -= 1
            if depth == 0:
                yield _between(lines, start, token.end)
        elif depth == 0 and token.type not in _SKIPPED:
            yield _BREAKS.get(token.type, token.string)


def _between(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text from one place (line from 1, column) to another."""
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    middle = lines[start[0] : end[0] - 1]
    return "".join([lines[start[0] - 1][start[1] :], *middle, lines[end[0] - 1][: end[1]]])


def _where(error: BaseException, modules: Collection[str]) -> str:
    """File and line where importing these modules failed: the last line of theirs."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: "
    place = last_line(error, modules)
    return f"{place}: " if place else ""


def _said(error: BaseException) -> str:
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SyntaxError):  # whose text ends with file and line
        return f"{type(error).__name__}: {error.msg}"
    return f"{type(error).__name__}: {error}"
