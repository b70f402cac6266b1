"""A pack's networks on a problem's points: values, residuals and the sets of points they need."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from pinn_core.discretization.ansatz import RAW, Ansatz, Constraints
from pinn_core.inputs import Inputs, Periodic
from pinn_core.networks import Network
from pinn_core.observations import Observations
from pinn_core.problems import Condition, Points, Problem
from pinn_core.problems.conditions import Segment
from pinn_core.problems.residual_form import traced
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch

COEFFICIENTS = "coefficients"
"""The table of a point set that holds the coefficients by which a term takes its channels."""

FIXED_POINTS_SEED = 0
"""Fixed subsets of points are the same for every run, so that runs differ in what they study."""


@dataclass(frozen=True)
class PointSet:
    """Points and what is known or demanded there, by name.

    ``tables`` are (1, N, k) for what members share and (m, N, k) for what is their own; ``rows``
    (m, n) chooses among the points, member by member. ``coordinates`` and the like are
    (m or 1, n, k), gathered when they are first asked for.
    """

    tables: Mapping[str, Float[Tensor, "_ _ _"]]
    rows: Int[Tensor, "m n"] | None = None
    _gathered: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        chosen = self.tables["coordinates"] if self.rows is None else self.rows
        return chosen.shape[1]

    def __getitem__(self, name: str) -> Float[Tensor, "_ n _"]:
        """A table at the points."""
        if name not in self._gathered:
            self._gathered[name] = _gathered(self.tables[name], self.rows)
        return self._gathered[name]

    @property
    def coordinates(self) -> Float[Tensor, "_ n d"]:
        """Where the points lie."""
        return self["coordinates"]

    def at(self, rows: Int[Tensor, "m n"]) -> "PointSet":
        """The point set in which member i has the points ``rows[i]`` of all that are known."""
        return PointSet(self.tables, rows)

    def anew(self) -> "PointSet":
        """The same points with nothing gathered yet, for when its rows have changed in place."""
        return self if self.rows is None else PointSet(self.tables, self.rows)

    def copied(self) -> "PointSet":
        """The points with a copy of what ``take`` changes."""
        if self.rows is not None:
            return PointSet(self.tables, self.rows.clone())
        return PointSet({name: table.clone() for name, table in self.tables.items()})

    def take(self, other: "PointSet") -> None:
        """Become other points, as many, in place: a graph that is replayed reads it."""
        if self.rows is not None and other.rows is not None:
            self.rows.copy_(other.rows)
            return
        for name, table in self.tables.items():
            table.copy_(other.tables[name])

    def of(self, members: Sequence[int]) -> "PointSet":
        """The points of some members."""
        own = {
            name: table if len(table) == 1 else table[list(members)]
            for name, table in self.tables.items()
        }
        return PointSet(own, None if self.rows is None else self.rows[list(members)])

    def thinned(self, count: int, purpose: str) -> "PointSet":
        """A fixed subset of ``count`` points, drawn once without replacement, in grid order."""
        if count >= len(self):
            return self
        rng = generator(FIXED_POINTS_SEED, f"points/{purpose}/{len(self)}")
        rows = torch.from_numpy(np.sort(rng.choice(len(self), count, replace=False)))
        chosen = rows.to(self.coordinates.device)
        return PointSet({name: table[:, chosen] for name, table in self.tables.items()})

    def one_by_one(self, count: int) -> Iterator["PointSet"]:
        """Points of one member, ``count`` at a time, each as if it were a member's only one."""
        parts = {name: self[name].transpose(0, 1).split(count) for name in self.tables}
        for tables in zip(*parts.values(), strict=True):
            yield PointSet(dict(zip(parts, tables, strict=True)))

    def with_table(self, name: str, table: Float[Tensor, "_ _ _"]) -> "PointSet":
        """The same points with another table."""
        return PointSet({**self.tables, name: table}, self.rows)

    def joined(self, other: "PointSet") -> "PointSet":
        """All of these points and then all of the other's, with the tables that both have."""
        return PointSet(
            {
                name: torch.cat([table, other.tables[name]], 1)
                for name, table in self.tables.items()
                if name in other.tables
            }
        )


def _gathered(table: Tensor, rows: Tensor | None) -> Tensor:
    if rows is None:
        return table
    if len(table) > 1:
        return table.gather(1, rows[..., None].expand(*rows.shape, table.shape[2]))
    return table[0].index_select(0, rows.flatten()).view(*rows.shape, table.shape[2])


class Discretization(Ansatz):
    """The networks of a pack as functions of their flat parameters (m, P), on a problem's points.

    ``grid`` is the whole grid, ``interior`` points first, then ``supervised``; ``collocation`` are
    the interior points that the problem trains on. ``conditions`` are what is trained besides the
    equation, ``condition_points`` the grid's points of each. ``observations`` are what was seen of
    the solution, ``observed_points`` where. ``residual_form`` are the residuals as polynomials, if
    they are such.
    """

    def __init__(
        self,
        problem: Problem,
        network: Network,
        precision: str = "float32",
        device: str = "cpu",
        threads: int = 1,
        backend: str = "auto",
        inputs: Inputs = RAW,
        constraints: Constraints = "soft",
        observations: Sequence[Observations] = (),
    ) -> None:
        super().__init__(problem, network, precision, device, threads, backend, inputs, constraints)
        grid = problem.grid()
        self.interior = self._known(grid.interior)
        self.residual_form = traced(problem, self.interior.coordinates)
        if self.residual_form and self.residual_form.polynomials.columns:
            coefficients = self.residual_form.coefficients.to(self.interior.coordinates)
            self.interior = self.interior.with_table(COEFFICIENTS, coefficients)
        self.conditions = trained_conditions(problem, inputs, constraints)
        self.supervised = self._known(grid.supervised, supervised_targets(problem, grid.supervised))
        self.grid = self.interior.joined(self.supervised)
        self.condition_points = {
            name: self.point_set(condition_tables(condition, grid.supervised.coordinates))
            for name, condition in self.conditions.items()
        }
        self.observations = tuple(observations)
        self.observed_points = {
            each.name: self.point_set(
                {"coordinates": each.points(problem)[None], "observed": values, "target": values}
            )
            for each in observations
            for values in [each.values(problem)[None]]
        }
        self.error_outputs = problem.error_outputs
        unknown = np.isnan(grid.interior.reference)
        self.partly_known = bool(unknown.any() and not unknown.all())
        wanted = problem.interior_points
        self.collocation = (
            self.interior
            if isinstance(wanted, str)
            else self.interior.thinned(wanted, "collocation")
        )

    def set_target(self, name: str, target: Float[Tensor, "m n q"]) -> None:
        """Target of every member something of its own at a condition's or observed points."""
        held = self.observed_points if name in self.observed_points else self.condition_points
        held[name] = PointSet({**held[name].tables, "target": target})

    def set_observed(
        self, observed: Sequence[Sequence[Observations]], seeds: Sequence[int]
    ) -> None:
        """Let every member have the noise of its own observations, by its own seed."""
        for each, own in zip(self.observations, zip(*observed, strict=True), strict=True):
            target = self.observed_points[each.name]["observed"]
            if any(one.noise for one in own):
                pairs = zip(own, seeds, strict=True)
                noisy = np.stack([one.targets(self.problem, seed) for one, seed in pairs])
                target = torch.from_numpy(noisy).to(target)
            self.set_target(each.name, target)

    @cached_property
    def one_plain_condition(self) -> bool:
        """Whether the supervised points are, in their order, those of the only condition."""
        conditions = list(self.problem.conditions.values())
        alone = len(conditions) == 1 and len(conditions[0].segments) == 1
        return alone and conditions[0].plain and len(self.conditions) == 1

    def _known(self, points: Points, more: Mapping[str, ndarray] | None = None) -> PointSet:
        found = {**vars(points), **(more or {})}
        return self.point_set({name: table[None] for name, table in found.items()})

    def point_set(self, tables: Mapping[str, Float[ndarray, "_ _ _"]]) -> PointSet:
        """A point set of float64 arrays, in the precision and on the device of the training."""
        return PointSet(
            {name: torch.from_numpy(t).to(self.device, self.dtype) for name, t in tables.items()}
        )

    def with_coefficients(self, points: PointSet) -> PointSet:
        """Points of the domain with the coefficients that the residual's polynomials have there.

        The same points where it has none. Member by member, so that no member's numbers depend on
        another's. Raises ``ValueError`` where the residual has another form than on the grid.
        """
        known = self.residual_form
        if known is None or not known.polynomials.columns:
            return points
        found = []
        for own in points.coordinates:
            form = traced(self.problem, own[None])
            if form is None or form.polynomials != known.polynomials:
                raise ValueError(
                    f"problem {self.problem.kind}: the residual has another form at new points "
                    f"than at the grid's; allowed: a formula of channels and of each point alone"
                )
            found.append(form.coefficients)
        return points.with_table(COEFFICIENTS, torch.cat(found).to(points.coordinates))

    def values(
        self, parameters: Float[Tensor, "m p"], point_set: PointSet
    ) -> Float[Tensor, "m n k"]:
        """The networks' values at the points."""
        return self.linearize(parameters, point_set.coordinates, keep=False).channels[:, 0]

    def error_values(
        self, parameters: Float[Tensor, "m p"], point_set: PointSet
    ) -> Float[Tensor, "m n q"]:
        """What errors are measured of, where that is not the networks' values."""
        operators = tuple(dict.fromkeys(op for op, _ in self.error_outputs))
        channels = self.linearize(parameters, point_set.coordinates, operators, keep=False).channels
        place = {op: channel for channel, op in enumerate(operators, start=1)}
        return torch.stack(
            [channels[:, place[op], :, output] for op, output in self.error_outputs], 2
        )

    def residual(
        self, parameters: Float[Tensor, "m p"], point_set: PointSet
    ) -> tuple[Float[Tensor, "m n k"], Float[Tensor, "m n r"]]:
        """The networks' values and the problem's residuals at the points."""
        channels = self.linearize_equation(parameters, point_set.coordinates, keep=False).channels
        return channels[:, 0], self.problem.residual(channels, point_set.coordinates)


def trained_conditions(
    problem: Problem, inputs: Inputs, constraints: Constraints
) -> dict[str, Condition]:
    """The conditions that are not kept by form: by a hard constraint or periodic inputs."""
    kept = set(problem.hard.conditions) if constraints == "hard" and problem.hard else set()
    return {
        name: condition
        for name, condition in problem.conditions.items()
        if name not in kept and not (isinstance(inputs, Periodic) and condition.shift)
    }


def supervised_targets(problem: Problem, supervised: Points) -> dict[str, Float[ndarray, "n _"]]:
    """What each condition on values alone demands at the supervised points, and their shares.

    The mean over all these points of share times squared mismatch is the condition's loss.
    """
    points = supervised.coordinates
    found: dict[str, ndarray] = {}
    for name, condition in problem.conditions.items():
        if not condition.plain:
            continue
        targets, shares = np.zeros((2, len(points), problem.outputs))
        outputs = [output for ((_, output),) in condition.places]
        for segment in condition.segments:
            on = segment.holds(points)
            where = np.ix_(np.flatnonzero(on), np.asarray(outputs))
            shares[where] += len(points) / on.sum()
            targets[where] = condition.demanded(segment, points[on])
        found |= {f"target/{name}": targets, f"share/{name}": shares}
    return found


def condition_tables(
    condition: Condition, supervised: Float[ndarray, "n d"]
) -> dict[str, Float[ndarray, "1 _ _"]]:
    """Points of the condition's segments, what is demanded there, and the share of each point.

    The mean over all points of share times squared mismatch is the sum of the segments' means. A
    point may lie on several segments. One segment needs no shares.
    """
    own = [supervised[segment.holds(supervised)] for segment in condition.segments]
    return tables(condition, [points[None] for points in own])


def tables(
    condition: Condition, segments: Sequence[Float[ndarray, "m _ d"]]
) -> dict[str, Float[ndarray, "_ n _"]]:
    """The same for given points of every segment, which members may share (m = 1) or not."""
    total = sum(points.shape[1] for points in segments)

    def joined(known: Callable[[Segment, ndarray], ndarray]) -> Float[ndarray, "_ n _"]:
        own = [
            known(segment, points.reshape(-1, points.shape[2])).reshape(*points.shape[:2], -1)
            for segment, points in zip(condition.segments, segments, strict=True)
        ]
        return np.concatenate(own, axis=1)

    found = {
        "coordinates": np.concatenate(segments, axis=1),
        "target": joined(condition.demanded),
    }
    if condition.combined:
        found[COEFFICIENTS] = joined(condition.coefficients_at)
    if len(segments) == 1:
        return found
    shares = [np.full((1, points.shape[1], 1), total / points.shape[1]) for points in segments]
    return {**found, "share": np.concatenate(shares, axis=1)}
