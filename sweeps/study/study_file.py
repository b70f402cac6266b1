"""Study files: found by path or name, read as values with their places, after dotted overrides.

What the values mean is not known here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sweeps.errors import StudyError, closest, excerpt, quoted
from sweeps.study.plain_yaml import MAX_CHARACTERS, Keys, Value, parse

REDUCED = "reduced"
_SHIPPED = resources.files("sweeps") / "studies"


@dataclass(frozen=True)
class StudyFile:
    """The values of a study file, and the place (file and line, or override) of each."""

    data: dict[str, Value]
    places: dict[Keys, str]

    def place(self, keys: Keys) -> str:
        """Where the value stands; if it does not stand anywhere, where it would belong."""
        while keys not in self.places:
            keys = keys[:-1]
        return self.places[keys]


def shipped_studies() -> list[str]:
    """Names of the studies that come with the package."""
    files = [file.name for file in _SHIPPED.iterdir()]
    return sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml"))


def folder_of(source: str) -> Path:
    """Where the files lie that a shipped study or a study file names."""
    if source in shipped_studies():
        return Path(str(_SHIPPED))
    return Path(source).parent


def text_of(source: str) -> str:
    """The text of a shipped study ("demo") or of a file; raises ``StudyError``."""
    shipped = shipped_studies()
    if source in shipped:
        return (_SHIPPED / f"{source}.yaml").read_text("utf-8")
    try:
        if Path(source).is_file():
            with Path(source).open(encoding="utf-8-sig") as file:
                return file.read(MAX_CHARACTERS + 1)
    except (OSError, ValueError) as error:
        raise StudyError(f"{quoted(source)} cannot be read as text: {error}") from None
    raise StudyError(
        f"found neither a file nor a shipped study {quoted(source)}, "
        f"shipped are: {', '.join(shipped)}{closest(source, shipped)}"
    )


def read_study_file(text: str, source: str, overrides: Iterable[str] = ()) -> StudyFile:
    """The values of a study file after its overrides (``search.runs=200``).

    A file may have a section ``reduced``, dotted keys with the values of a smaller version; the
    override ``reduced=true`` applies it before all others and adds ``-reduced`` to the name.

    Raises ``StudyError`` naming ``source`` and the line, or the override.

    >>> read_study_file("search: {runs: 4}", "study.yaml", ["search.runs=200"]).data
    {'search': {'runs': 200}}
    """
    data, lines = parse(text, source)
    if not isinstance(data, dict):
        raise StudyError(f"{source}: a study file holds keys and values, such as name: demo")
    file = StudyFile(data, {keys: f"{source}, line {line}" for keys, line in lines.items()})
    changes = [(f"override {quoted(text)}", *_parsed(text)) for text in overrides]
    smaller = file.data.pop(REDUCED, None)
    asked = [(place, value) for place, dotted, value in changes if dotted == REDUCED]
    if asked:
        _reduce(file, smaller, source, *asked[-1])
    for place, dotted, value in changes:
        if dotted != REDUCED:
            _set(file, dotted, value, place)
    return file


def _parsed(override: str) -> tuple[str, Value]:
    place = f"override {quoted(override)}"
    dotted, _, text = override.partition("=")
    if not dotted or not text.strip():
        raise StudyError(f"{place}: write it key=value, such as search.runs=200")
    value, _ = parse(text, place)
    return dotted, value


def _reduce(file: StudyFile, changes: Value, source: str, place: str, wanted: Value) -> None:
    """Make the study its smaller version, if that is wanted."""
    if not isinstance(wanted, bool):
        raise StudyError(f"{place}: found {quoted(wanted)}, allowed: true or false")
    if not wanted:
        return
    if not isinstance(changes, dict):
        raise StudyError(f"{place}: {source} has no reduced version (a section {REDUCED})")
    for dotted, value in changes.items():
        _set(file, dotted, value, file.place((REDUCED, dotted)))
    file.data["name"] = f"{file.data.get('name')}-{REDUCED}"


def _set(file: StudyFile, dotted: str, value: Value, place: str) -> None:
    """Set one value. Whether its key may exist is seen when the study is validated."""
    *parents, last = _split(dotted)
    keys: Keys = ()
    node: Value = file.data
    try:
        for name in parents:
            key, node = _enter(node, name, keys)
            keys = (*keys, key)
        keys = (*keys, _put(node, last, value, keys))
    except LookupError as error:
        raise StudyError(f"{place}: {error.args[0]}") from None
    for below in [other for other in file.places if other[: len(keys)] == keys]:
        del file.places[below]
    for length in range(1, len(keys)):
        file.places.setdefault(keys[:length], place)
    file.places[keys] = place


def _split(dotted: str) -> list[str]:
    """The keys between the dots; those of a model's ``space`` have dots of their own."""
    names = dotted.split(".")
    if names[0] == "models" and names[2:3] == ["space"] and len(names) > 3:
        return [*names[:3], ".".join(names[3:])]
    return names


def _enter(node: Value, name: str, keys: Keys) -> tuple[str | int, Value]:
    """The key of ``node`` that ``name`` means and its value, an empty mapping if there is none."""
    if isinstance(node, list):
        position = _position(node, name, keys)
        return position, node[position]
    mapping = _mapping(node, name, keys)
    if keys == ("models",) and name not in mapping:
        allowed = ", ".join(mapping)
        raise LookupError(
            f"unknown model {quoted(name)}, allowed: {allowed}{closest(name, mapping)}"
        )
    return name, mapping.setdefault(name, {})


def _put(node: Value, name: str, value: Value, keys: Keys) -> str | int:
    if isinstance(node, list):
        position = _position(node, name, keys)
        node[position] = value
        return position
    _mapping(node, name, keys)[name] = value
    return name


def _position(node: list[Value], name: str, keys: Keys) -> int:
    if name not in map(str, range(len(node))):
        allowed = f"0 to {len(node) - 1}" if node else "none, the list is empty"
        raise LookupError(f"{dotted_key(keys)} is a list: found {quoted(name)}, allowed: {allowed}")
    return int(name)


def _mapping(node: Value, name: str, keys: Keys) -> dict[str, Value]:
    if not isinstance(node, dict):
        raise LookupError(f"{dotted_key(keys)} is {quoted(node)}, it has no key {quoted(name)}")
    return node


def dotted_key(keys: Keys) -> str:
    """``("phases", 0, "steps")`` as people write it: ``phases.0.steps``."""
    return excerpt(".".join(map(str, keys)))
