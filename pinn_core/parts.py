"""What a method is: a part of a configuration; and the families of parts to choose from.

A part is a frozen dataclass whose fields are its hyperparameters. Its family is what it is a case
of (a problem, an optimizer, ...), its ``kind`` the name by which a study file chooses it. A family
enters itself in ``FAMILIES`` when it is made: schema, listings, documentation and contract tests
are made from that one list.
"""

from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from pinn_core.messages import closest, quoted

P = TypeVar("P")
"""What a family's parts are: classes, as ``type[Problem]``, or functions."""
C = TypeVar("C")
Plain = dict[str, Any]


class UnknownName(ValueError):
    """A name that its family does not have; the message lists the allowed ones and the closest."""

    def __init__(self, family: str, found: object, allowed: Iterable[str]) -> None:
        names = sorted(allowed)
        listed = f"{', '.join(names)}{closest(found, names)}"
        super().__init__(f"unknown {family} {quoted(found)}: allowed are {listed}")


class Part(ABC):
    """The base of all parts.

    A subclass is a frozen dataclass with a default for every field, and is registered in its
    family, which sets ``kind``, ``numerics`` and ``plugin``.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    kind: ClassVar[str]
    """The name by which a study file chooses it."""
    version: ClassVar[int] = 1
    """Of its defaults: raised when one changes, so that runs with the old one keep their names."""
    numerics: ClassVar[int] = 1
    """Of its arithmetic (``pinn_core.numerics``)."""
    plugin: ClassVar[str | None] = None
    """Hash of the plugin that it comes from; None for what the program ships."""
    per_member: ClassVar[frozenset[str]] = frozenset()
    """Fields in which members of one pack may differ."""
    named: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Fields that hold the kind of a part of another family, and that family's name."""

    def to_dict(self, leave_out: frozenset[str] = frozenset()) -> Plain:
        """The kind and every field but some, as a study file would have them."""
        values = {field.name: field for field in fields(self) if field.name not in leave_out}  # type: ignore[arg-type]
        return {
            "kind": self.kind,
            **{name: plain(getattr(self, name), field.type) for name, field in values.items()},
        }

    def identity(self) -> Plain:
        """What makes it this part: its kind and the fields that differ from their defaults.

        Version and plugin stand beside them where they are not those of a shipped, first version.
        A new field with a default renames no run.

        >>> from pinn_core.networks import Mlp
        >>> Mlp(width=32).identity()
        {'kind': 'mlp', 'width': 32}
        """
        said: Plain = {"kind": self.kind}
        if self.version > 1:
            said["version"] = self.version
        if self.plugin:
            said["plugin"] = self.plugin
        said |= differing(self)
        for field, family in self.named.items():
            plugin = FAMILIES[family][getattr(self, field)].plugin
            if plugin:
                said[f"{field}_plugin"] = plugin
        return said


def differing(values: Any) -> Plain:  # noqa: ANN401
    """The fields of a dataclass that differ from their defaults, as plain data.

    Parts among them are given by their identity. Fields whose metadata say ``identity: False`` do
    not count: they change nothing of what a run computes.
    """
    return {
        field.name: plain(value, field.type, Part.identity)
        for field in fields(values)
        for value in [getattr(values, field.name)]
        if value != default_of(field) and field.metadata.get("identity", True)
    }


def plain(
    value: Any,  # noqa: ANN401
    kind: object,
    as_plain: Callable[["Part"], Plain] | None = None,
) -> Any:  # noqa: ANN401
    """A field's value as a file would have it: a number as its type says, a list for a tuple."""
    if isinstance(value, Part):
        return as_plain(value) if as_plain else value.to_dict()
    if isinstance(value, tuple):
        return [plain(entry, None, as_plain) for entry in value]
    return float(value) if kind is float else value


def default_of(field: Field[Any]) -> Any:  # noqa: ANN401
    """The default of a dataclass's field that has one."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def stands_for(one: object, shortcut: str, method: str) -> bool:
    """Whether what a class says by ``shortcut`` is still what its ``method`` does.

    Not where a class that inherits both has a method of its own: the shortcut speaks of another.

    >>> class Steps:
    ...     def at(self, step): return step
    ...     def ahead(self): return [0, 1, 2]
    >>> class Twice(Steps):
    ...     def at(self, step): return 2 * step
    >>> stands_for(Steps(), "ahead", "at"), stands_for(Twice(), "ahead", "at")
    (True, False)
    """
    order = type(one).__mro__
    places = [
        next((place for place, owner in enumerate(order) if name in vars(owner)), len(order))
        for name in (shortcut, method)
    ]
    return places[0] <= places[1] and places[0] < len(order)


def has_default(field: Field[Any]) -> bool:
    """Whether a dataclass's field may be left out."""
    return field.default is not MISSING or field.default_factory is not MISSING


class Family(Generic[P]):
    """The parts of one family, by kind.

    ``name`` is the word for one of them, ``plural`` that for all, as `pinn-sweep list` asks for it;
    ``contract`` is the class that all inherit from, if they are classes.

    >>> shapes: Family[type] = Family("shape", listed=False)
    >>> @shapes.register("circle")
    ... class Circle:
    ...     pass
    >>> shapes["circle"].kind
    'circle'
    >>> shapes["circel"]
    Traceback (most recent call last):
        ...
    pinn_core.parts.UnknownName: unknown shape 'circel': allowed are circle; did you mean 'circle'?
    """

    def __init__(
        self,
        name: str,
        contract: type | None = None,
        plural: str | None = None,
        *,
        listed: bool = True,
    ) -> None:
        self.name, self.contract, self.plural = name, contract, plural or f"{name}s"
        self._parts: dict[str, Any] = {}
        if listed:
            FAMILIES[name] = self

    def register(self, kind: str, numerics: int = 1) -> Callable[[C], C]:
        """Decorator: enter a class (or function) under ``kind``, which becomes its attribute.

        ``numerics`` numbers the part's arithmetic (``pinn_core.numerics``): raise it by one with
        every change that makes a run give other bits. Raises ``ValueError`` where another class has
        the kind, or the class is no complete part.
        """

        def enter(part: C) -> C:
            known = self._parts.get(kind)
            if known is not None and not _same_class(known, part):
                raise ValueError(
                    f"{self.name} {kind!r} is registered already, by {_where(known)}; "
                    f"{_where(part)} needs another name"
                )
            if self.contract is not None:
                _refuse_incomplete(part, self.contract, f"{self.name} {kind!r}")
            for name, value in {
                "kind": kind,
                "numerics": numerics,
                "plugin": PLUGIN.get().get(part.__module__),
            }.items():
                setattr(part, name, value)
            self._parts[kind] = part
            return part

        return enter

    def __getitem__(self, kind: str) -> P:
        """The part of that kind; raises ``UnknownName``."""
        if kind not in self._parts:
            raise UnknownName(self.name, kind, self._parts)
        known: P = self._parts[kind]
        return known

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __contains__(self, kind: object) -> bool:
        return kind in self._parts

    def names(self) -> tuple[str, ...]:
        """All kinds, sorted."""
        return tuple(sorted(self._parts))


PLUGIN: ContextVar[Mapping[str, str]] = ContextVar("PLUGIN", default=MappingProxyType({}))
"""Of the plugin that is being imported: the names of its modules, each with the plugin's hash."""

FAMILIES: dict[str, Family[Any]] = {}
"""Every family by its name; each enters itself when its module is imported."""


def _refuse_incomplete(part: Any, contract: type, name: str) -> None:  # noqa: ANN401
    """Raise ``ValueError`` unless it is a frozen dataclass with defaults and lacks no method."""
    if not (isinstance(part, type) and issubclass(part, contract)):
        raise ValueError(f"{name}: {_where(part)} must inherit from {contract.__name__}")
    missing = sorted(getattr(part, "__abstractmethods__", ()))
    if missing:
        raise ValueError(f"{name}: {part.__name__} lacks {', '.join(missing)}")
    settings = getattr(part, "__dataclass_params__", None)
    if settings is None or not settings.frozen:
        raise ValueError(f"{name}: {part.__name__} must be a frozen dataclass")
    for field in fields(part):  # type: ignore[arg-type]
        if field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{name}: field {field.name!r} of {part.__name__} has no default")


def _same_class(first: Any, second: Any) -> bool:  # noqa: ANN401
    """Whether it is one class, which may have been made twice from one source."""
    return _where(first) == _where(second)


def _where(part: Any) -> str:  # noqa: ANN401
    return f"{part.__module__}.{part.__qualname__}"


def import_parts(package: str, folders: Iterable[str]) -> None:
    """Import every module of a family's package, so that a new part takes its own file alone."""
    for module in iter_modules(folders):
        import_module(f"{package}.{module.name}")
