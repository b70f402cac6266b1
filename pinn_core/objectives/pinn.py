"""The PINN objective: residual plus weighted mismatch of the problem's conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization
from pinn_core.objectives.objective import OBJECTIVES, Objective
from pinn_core.objectives.term import RESIDUAL, Term
from pinn_core.objectives.terms import problem_terms
from pinn_core.observations import Observations
from pinn_core.parts import UnknownName
from pinn_core.problems import Problem
from pinn_core.samplers import SAMPLERS, Asked, Batches, Sampler, with_observations
from pinn_core.samplers.sampler import Tensors


@OBJECTIVES.register("pinn")
@dataclass(frozen=True, kw_only=True)
class Pinn(Objective):
    """L = L_residual + sum of lambda_i L_i over conditions (Raissi, Perdikaris, Karniadakis 2019).

    ``lambda_b`` weighs every condition but those that ``lambdas`` names; observations have weights
    of their own. With ``reduction: mean`` the terms are means over their points, with ``sum`` sums
    over the grid's points, for which a batch or a subset stands.

    ``points: grid`` takes the problem's grid: with ``batch: full`` all its collocation and
    supervised points, with a ``batch`` of n so many, drawn anew each step in the grid's proportion.
    Any other sampler (``uniform``, ``latin``, ``sobol``, ``rad``, ``rar_d``, ``r3``, ``causal_r3``)
    draws ``batch`` new points in the domain and ``condition_batch`` (null: as many) on each segment
    of each condition, every ``resample`` steps; 0 keeps the first. ``sampling`` are the sampler's
    own fields, if not their defaults.

    ``l2`` adds l2 |W|^2 to what is optimised, where W are the entries of all trained matrices: no
    biases, slopes, factors of rows or unknowns. The abstract of arXiv 2605.30910 says that such a
    penalty removes failures, in float32 too; we did not read the paper's constants. The penalty is
    in the loss and its gradient, unlike the ``weight_decay`` of ``adamw``. It is no term: no
    weighting changes it, and all losses, the landscape and the probes are recorded without it.

    When to use: For every model that solves the equation.
    """

    per_member: ClassVar[frozenset[str]] = frozenset({"lambda_b", "lambdas", "l2"})
    named: ClassVar[Mapping[str, str]] = {"points": "point sampler"}

    lambda_b: float = 100.0
    """Weight of every condition that ``lambdas`` does not name."""
    lambdas: dict[str, float] = field(default_factory=dict)
    """Weights of single conditions, by name."""
    batch: int | Literal["full"] = "full"
    """How many collocation points a step takes; ``full``: all of the grid."""
    condition_batch: int | None = None
    """How many points on each segment of a condition; null: as many as ``batch``."""
    points: str = "grid"
    """Where the points come from."""
    sampling: dict[str, int | float] = field(default_factory=dict, metadata={"since": 2})
    """Options of that point sampler, if not its defaults."""
    resample: int = 1
    """Points are drawn anew in every so many steps; 0 keeps the first."""
    reduction: Literal["mean", "sum"] = "mean"
    """Whether a term is the mean over its points, or the sum."""
    l2: float = field(default=0.0, metadata={"since": 2})
    """Factor of the sum of squares of the weights, biases left out, that is optimised, too."""

    def __post_init__(self) -> None:
        at_least(0, lambda_b=self.lambda_b, resample=self.resample, l2=self.l2)
        at_least(0, **{f"lambdas.{name}": weight for name, weight in self.lambdas.items()})
        on_grid = self.sampler.on_grid
        if self.batch != "full":
            at_least(2, batch=self.batch)
        elif not on_grid:
            raise ValueError(f"batch must be a number of points with points: {self.points}")
        if self.condition_batch is not None:
            at_least(1, condition_batch=self.condition_batch)
            if on_grid:
                raise ValueError("condition_batch must be null with points: grid")
        self.sampler.check(self.asked)

    def check(self, problem: Problem) -> None:
        """Refuse weights of conditions that the problem lacks, and what the sampler refuses."""
        self.sampler.check_problem(problem)
        unknown = sorted(set(self.lambdas) - set(problem.conditions))
        if unknown:
            raise UnknownName("condition in objective.lambdas", unknown[0], problem.conditions)

    @property
    def fixed_points(self) -> bool:
        """Whether every step has the same points."""
        return self.batch == "full" or (not self.sampler.on_grid and self.resample == 0)

    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        """The equation's, the trained conditions' and the observations'."""
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

    def data_weights(
        self, disc: Discretization, observations: Sequence[Observations]
    ) -> Mapping[str, float]:
        """As the observations say; for sums times their number."""
        counts = {name: len(points) for name, points in disc.observed_points.items()}
        return {
            each.name: each.weight * (1 if self.reduction == "mean" else counts[each.name])
            for each in observations
        }

    @property
    def sampler(self) -> Sampler:
        """Where its points come from; raises ``ValueError`` where ``sampling`` does not fit."""
        kind = SAMPLERS[self.points]
        known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
        unknown = sorted(self.sampling.keys() - set(known))
        if unknown:
            listed = ", ".join(known) or "none"
            raise ValueError(
                f"sampling must hold fields of the sampler {self.points} ({listed}), "
                f"found {unknown[0]!r}"
            )
        return kind(**self.sampling)

    @property
    def asked(self) -> Asked:
        """What the sampler is asked for."""
        return Asked(self.batch, self.condition_batch, self.resample)

    def batches(
        self, disc: Discretization, seeds: Sequence[int], state: Tensors | None = None
    ) -> Batches:
        """Interior points, points of every condition, and the observations."""
        batches = self.sampler.batches(self.asked, disc, seeds, {} if state is None else state)
        return with_observations(batches, disc, seeds)
