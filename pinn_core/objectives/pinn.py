"""The PINN objective: residual plus weighted mismatch of the problem's conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization
from pinn_core.discretization.sampling import Fresh, Scheme, draw
from pinn_core.objectives.objective import OBJECTIVES, Batch, Batches, Objective
from pinn_core.objectives.terms import RESIDUAL, Term, problem_terms
from pinn_core.parts import UnknownName
from pinn_core.problems import Problem


@OBJECTIVES.register("pinn")
@dataclass(frozen=True, kw_only=True)
class Pinn(Objective):
    """L = L_residual + sum of lambda_i L_i over conditions (Raissi, Perdikaris, Karniadakis 2019).

    ``lambda_b`` weighs every condition but those that ``lambdas`` names. With ``reduction: mean``
    the terms are means over their points, with ``sum`` sums over the grid's points, for which a
    batch or a subset stands.

    ``points: grid`` takes the problem's grid: with ``batch: full`` all its collocation and
    supervised points, with a ``batch`` of n so many, drawn anew each step in the grid's proportion.
    ``uniform`` and ``latin`` (Latin hypercube) draw ``batch`` new points in the domain and
    ``condition_batch`` (null: as many) on each segment of each condition, every ``resample`` steps;
    0 keeps the first.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"lambda_b", "lambdas"})

    lambda_b: float = 100.0
    lambdas: dict[str, float] = field(default_factory=dict)
    batch: int | Literal["full"] = "full"
    condition_batch: int | None = None
    points: Scheme = "grid"
    resample: int = 1
    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        at_least(0, lambda_b=self.lambda_b, resample=self.resample)
        at_least(0, **{f"lambdas.{name}": weight for name, weight in self.lambdas.items()})
        if self.batch != "full":
            at_least(2, batch=self.batch)
        elif self.points != "grid":
            raise ValueError(f"batch must be a number of points with points: {self.points}")
        if self.condition_batch is not None:
            at_least(1, condition_batch=self.condition_batch)
            if self.points == "grid":
                raise ValueError("condition_batch must be null with points: grid")

    def check(self, problem: Problem) -> None:
        """Refuse weights of conditions that the problem does not have."""
        unknown = sorted(set(self.lambdas) - set(problem.conditions))
        if unknown:
            raise UnknownName("condition in objective.lambdas", unknown[0], problem.conditions)

    @property
    def fixed_points(self) -> bool:
        """Whether every step has the same points."""
        return self.batch == "full" or (self.points != "grid" and self.resample == 0)

    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        """The equation's and the trained conditions'."""
        return problem_terms(disc)

    def weights(self, disc: Discretization) -> Mapping[str, float]:
        """Residual 1 and conditions as given; for sums times the grid's points of either kind."""
        lambdas = {name: self.lambdas.get(name, self.lambda_b) for name in disc.conditions}
        if self.reduction == "mean":
            return {RESIDUAL: 1.0, **lambdas}
        each = {
            name: len(disc.condition_points[name]) / len(condition.segments)
            for name, condition in disc.conditions.items()
        }
        sums = {name: weight * each[name] for name, weight in lambdas.items()}
        return {RESIDUAL: float(len(disc.interior)), **sums}

    def batches(self, disc: Discretization, seeds: Sequence[int]) -> Batches:
        """Interior points, and points of every condition."""
        if self.points != "grid":
            return _NewPoints(self, disc, Fresh(disc, self.points, seeds))
        return _GridPoints(self, disc, seeds)


@dataclass(frozen=True)
class _GridPoints:
    """The grid's points: all that the problem trains on, or drawn anew each step."""

    objective: Pinn
    disc: Discretization
    seeds: Sequence[int]

    @property
    def fixed(self) -> bool:
        """Whether every step has the same points."""
        return self.objective.fixed_points

    def at(self, step: int) -> Batch:
        """Interior points and every condition's."""
        point_sets = {"interior": self.disc.collocation, **self.disc.condition_points}
        if self.objective.batch == "full":
            return point_sets
        counts = self._counts(self.objective.batch)
        return {
            name: draw(point_set, counts[name], self.seeds, f"batch/{_drawn_as(name)}", step)
            for name, point_set in point_sets.items()
        }

    def _counts(self, batch: int) -> dict[str, int]:
        """The batch in the grid's proportion, no part of it empty."""
        sizes = {name: len(point_set) for name, point_set in self.disc.condition_points.items()}
        outside = sum(sizes.values())
        interior = round(batch * len(self.disc.interior) / (len(self.disc.interior) + outside))
        interior = min(max(interior, 1), batch - 1)
        left, counts = batch - interior, {"interior": interior}
        for name, size in sizes.items():
            counts[name] = max(1, round(left * size / outside))
            left, outside = left - counts[name], outside - size
        return counts


def _drawn_as(name: str) -> str:
    """What the points are drawn for; a boundary's are named as when there was nothing else."""
    return "supervised" if name == "boundary" else name


@dataclass(frozen=True)
class _NewPoints:
    """New points of the domain and of the conditions' segments."""

    objective: Pinn
    disc: Discretization
    fresh: Fresh

    @property
    def fixed(self) -> bool:
        """Whether every step has the same points."""
        return self.objective.fixed_points

    def at(self, step: int) -> Batch:
        """Interior points and every condition's."""
        every = self.objective.resample
        drawing = step // every if every else 0
        count = int(self.objective.batch)
        on_segments = self.objective.condition_batch or count
        return {
            "interior": self.fresh.interior(count, drawing),
            **{
                name: self.fresh.condition(name, on_segments, drawing)
                for name in self.disc.conditions
            },
        }
