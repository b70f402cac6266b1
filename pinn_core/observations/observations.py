"""Observations as a study and a configuration name them, and what a problem makes of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.checks import at_least
from pinn_core.geometry import Region, in_words
from pinn_core.messages import closest, excerpt, quoted
from pinn_core.observations.table import (
    DataError,
    Table,
    known,
    read_file,
    remember,
    repeated,
    table_of,
)
from pinn_core.parts import Plain, default_of, has_default, plain
from pinn_core.problems import Condition, Problem
from pinn_core.problems.conditions import IDENTITY, TAKEN
from pinn_core.randomness import generator


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Observed values of the solution: a loss term, the mean square of the distances from them.

    ``columns`` says which of the file's columns are the problem's coordinates and components. The
    term's weight is ``weight``, as ``lambda_b`` is that of a condition. ``noise`` is added to the
    values, once for each seed: normal, with a standard deviation of so many parts of that of the
    component. Every step is trained on all observations or, where the objective draws a batch,
    on as many as ``batch`` says, drawn by the seed.

    What is trained on is the table whose hash is ``content``. Neither the file's name nor what its
    columns are called is part of a run's identity.

    >>> data = {"place": [0.0, 0.5, 1.0], "temperature": [1.0, 0.2, 0.9]}
    >>> seen = Observations.of("sensors", data, {"x": "place", "u": "temperature"}, weight=10.0)
    >>> seen.rows, sorted(seen.identity())
    (3, ['content', 'name', 'weight'])
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"file", "columns", "weight", "noise"})
    """Fields in which members of one pack may differ."""

    name: str
    """The loss term's name."""
    file: str = field(default="", metadata={"identity": False})
    """The table, relative to the study file."""
    columns: dict[str, str] = field(default_factory=dict, metadata={"identity": False})
    """The file's column of every coordinate and component."""
    weight: float = 1.0
    """The term's weight."""
    noise: float = 0.0
    """Standard deviation of added noise, in parts of that of the component."""
    batch: int | Literal["full"] = "full"
    """How many observations a step takes; ``full``: all."""
    content: str
    """The hash of the table's numbers."""

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,63}", self.name):
            allowed = "1 to 64 letters, digits and _, a letter first"
            raise ValueError(f"name must be of {allowed}, found {quoted(self.name)}")
        taken = {*TAKEN, "boundary"}
        if self.name in taken:
            raise ValueError(f"name must be none of {', '.join(sorted(taken))}, found {self.name}")
        if not re.fullmatch("[0-9a-f]{32}", self.content):
            raise ValueError(f"content must be the hash of a table, found {quoted(self.content)}")
        at_least(0, weight=self.weight, noise=self.noise)
        if self.batch != "full":
            at_least(1, batch=self.batch)

    @classmethod
    def of(
        cls,
        name: str,
        data: Any,  # noqa: ANN401
        columns: Mapping[str, str] | Sequence[str],
        **settings: Any,  # noqa: ANN401
    ) -> "Observations":
        """Observations from a file's path, a pandas frame, a mapping of columns, or an array.

        ``columns`` maps coordinates and components to the names of their columns; of an array
        (n, columns) it lists what the columns are. Raises ``DataError``.
        """
        named = dict(columns) if isinstance(columns, Mapping) else {key: key for key in columns}
        if isinstance(data, str | Path):
            content = remember(read_file(Path(data), named))
            return cls(name=name, file=str(data), columns=named, content=content, **settings)
        content = remember(table_of(data, columns, f"observations {name!r}"))
        return cls(name=name, columns=named, content=content, **settings)

    @property
    def table(self) -> Table:
        """What was observed; raises ``DataError`` where this process has not read it."""
        table = known(self.content)
        if table is None:
            raise DataError(f"{self._where}: their table {self.content} has not been read")
        return table

    @property
    def rows(self) -> int:
        """How many observations there are, 0 where this process has not read them."""
        table = known(self.content)
        return table.rows if table else 0

    @property
    def per_step(self) -> int:
        """How many of them a step is trained on."""
        return self.rows if self.batch == "full" else self.batch

    def check(self, problem: Problem) -> None:
        """Raise ``DataError`` where they are not observations of the problem."""
        coordinates, components = problem.coordinates, problem.components
        names = (*coordinates, *components)
        listed = f"{', '.join(coordinates)} (coordinates) and {', '.join(components)} (components)"
        for key in self.columns:
            if key not in names:
                hint = closest(key, names)
                raise DataError(
                    f"{self._where}: problem {problem.kind} has no {quoted(key)}, "
                    f"allowed in columns: {listed}{hint}"
                )
        missing = [name for name in coordinates if name not in self.columns]
        if missing or not self.outputs(problem):
            what = f"the coordinate {missing[0]}" if missing else "a component"
            raise DataError(
                f"{self._where}: columns lacks {what} of problem {problem.kind}, it has {listed}"
            )
        if known(self.content):
            self._check_points(problem)
            if self.per_step > self.rows:
                raise DataError(
                    f"{self._where}: batch must be at most {self.rows}, the number of "
                    f"observations, found {self.batch}"
                )

    def _check_points(self, problem: Problem) -> None:
        twice, outside = _repeated_and_outside(self.content, problem.coordinates, problem.domain)
        if twice:
            raise DataError(
                f"{self._where}, rows {twice[0]} and {twice[1]}: the same point, "
                "allowed: one row for each point"
            )
        if outside:
            point = self.points(problem)[outside[0] - 1]
            hint = ""
            if len(outside) == self.rows:
                hint = "; all points lie outside: are the columns in the units of the domain?"
            raise DataError(
                f"{self._where}, row {outside[0]}: {_named(problem.coordinates, point)} lies "
                f"outside the domain, allowed: "
                f"{in_words(problem.domain, problem.coordinates)}{hint}"
            )

    def points(self, problem: Problem) -> Float[ndarray, "n d"]:
        """Where they were made."""
        return np.stack([self.table.columns[name] for name in problem.coordinates], axis=1)

    def values(self, problem: Problem) -> Float[ndarray, "n q"]:
        """What was observed, the components in the problem's order."""
        names = problem.components
        return np.stack(
            [self.table.columns[names[output]] for output in self.outputs(problem)], axis=1
        )

    def targets(self, problem: Problem, seed: int) -> Float[ndarray, "n q"]:
        """What a run is trained on: the values and its own noise."""
        values = self.values(problem)
        if not self.noise:
            return values
        drawn = generator(seed, f"noise/{self.name}").standard_normal(values.shape)
        noisy: ndarray = values + self.noise * values.std(axis=0) * drawn
        return noisy

    def condition(self, problem: Problem) -> Condition:
        """The values as what a condition demands, but for the points where it does."""
        return Condition((), tuple((IDENTITY, output) for output in self.outputs(problem)))

    def outputs(self, problem: Problem) -> list[int]:
        """Which of the problem's outputs were observed."""
        return [at for at, name in enumerate(problem.components) if name in self.columns]

    @property
    def _where(self) -> str:
        file = f" ({excerpt(Path(self.file).name)})" if self.file else ""
        return f"observations {self.name!r}{file}"

    def to_dict(self, leave_out: Iterable[str] = ()) -> Plain:
        """Every field but some, as a study file would have them."""
        return {
            each.name: dict(value) if isinstance(value, dict) else plain(value, each.type)
            for each in fields(self)
            for value in [getattr(self, each.name)]
            if each.name not in leave_out
        }

    def identity(self) -> Plain:
        """What makes them these observations: name, content, and what differs from the defaults."""
        return {
            each.name: plain(value, each.type)
            for each in fields(self)
            for value in [getattr(self, each.name)]
            if each.metadata.get("identity", True)
            and not (has_default(each) and value == default_of(each))
        }


@lru_cache(maxsize=64)
def _repeated_and_outside(
    content: str, coordinates: tuple[str, ...], domain: Region
) -> tuple[tuple[int, int] | None, list[int]]:
    """Two rows of a table that are one point, and all rows outside; a study asks for every run."""
    table = known(content)
    assert table is not None
    points = np.stack([table.columns[name] for name in coordinates], axis=1)
    outside = np.flatnonzero(~domain.holds(points)) + 1
    return repeated(points), outside.tolist()


def _named(coordinates: Sequence[str], point: ndarray) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in zip(coordinates, point, strict=True))
