"""One run's configuration as data: parts that go together, its canonical text and identity."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from pinn_core.aggregations import Aggregation, Sum
from pinn_core.alignments import Alignment, Unaligned
from pinn_core.configuration.record import Record
from pinn_core.configuration.refusals import check_parts
from pinn_core.curricula import Stages, Unstaged
from pinn_core.discretization.ansatz import Constraints, stack_of
from pinn_core.discretization.discretization import trained_conditions
from pinn_core.engine.precision import Precision
from pinn_core.engine.stack import Stack
from pinn_core.inputs import Inputs, Raw
from pinn_core.networks import Network
from pinn_core.objectives import Objective
from pinn_core.observations import Observations
from pinn_core.optimizers import Optimizer
from pinn_core.parts import FAMILIES, Family, Part, Plain, default_of, differing, has_default
from pinn_core.problems.problem import Problem
from pinn_core.weightings import Fixed, Weighting

AsPlain = Callable[[Part | Observations], Plain]
"""What makes plain data of a part."""


def _to_dict(part: Part | Observations) -> Plain:
    return part.to_dict()


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Everything that makes a run's science but its seed; no placement, no pack.

    A weighting other than ``fixed`` weighs the terms of the equation and its conditions; an
    aggregation other than ``sum`` makes a direction of their gradients, which an alignment keeps
    the update to. A regression has one term, which all three leave alone, and takes no data. With
    ``stages`` the phases run once for each stage. Raises ``ValueError`` for parts that do not go
    together.
    """

    problem: Problem
    """The equation to solve and its points."""
    network: Network
    """The network and how it is initialised."""
    objective: Objective
    """The loss that it is trained on."""
    phases: tuple[Optimizer, ...]
    """The optimizers, one after the other, each with its steps."""
    weighting: Weighting = field(default_factory=Fixed)
    """How the weights of the loss terms are set during a run."""
    aggregation: Aggregation = field(default_factory=Sum)
    """How the weighted gradients of the loss terms become one direction."""
    alignment: Alignment = field(default_factory=Unaligned)
    """What becomes of an update that conflicts with a loss term."""
    inputs: Inputs = field(default_factory=Raw)
    """What the network is given of the coordinates."""
    constraints: Constraints = "soft"
    """Conditions as terms of the loss, or (hard) kept by the form of the solution."""
    data: tuple[Observations, ...] = field(default=(), metadata={"since": 2})
    """Observed values of the solution, each set of them a term of the loss."""
    stages: Stages = field(default_factory=Unstaged)
    """The problems that a run is trained on one after the other, all phases on each."""
    record: Record = field(default_factory=Record)
    """What a run records and how often."""
    precision: Precision = "float32"
    """Floating point numbers of the training; tf32: float32, a GPU's matrix products in TF32."""

    def __post_init__(self) -> None:
        check_parts(self)

    def columns_of(self, phase: Optimizer) -> int:
        """By how many parameters a phase asks for the residuals' derivatives."""
        last = self.stack().last_layer()
        return self.size if phase.columns == "all" else last.stop - last.start

    @property
    def residuals(self) -> int:
        """Number of residuals whose squares a step's loss sums, an equation for each output.

        An estimate: a point at which several conditions hold counts once on a grid.
        """
        problem, objective = self.trained_problem, self.objective
        interior, supervised = problem.grid_size
        if not objective.solves:
            points = interior + supervised if objective.batch == "full" else objective.batch
            return points * problem.outputs
        conditions = trained_conditions(problem, self.inputs, self.constraints).values()
        asked = max((len(each.quantities) for each in conditions), default=0)
        inside = interior if problem.interior_points == "all" else int(problem.interior_points)
        outside = supervised
        if objective.batch != "full":
            share = objective.batch / (interior + supervised)
            inside, outside = round(share * interior), round(share * supervised)
        if objective.points != "grid":
            segments = sum(len(each.segments) for each in conditions)
            inside = int(objective.batch)
            outside = segments * (objective.condition_batch or inside)
        return inside * objective.squares(problem) + outside * asked + self.observed

    @property
    def rows(self) -> int:
        """Number of all that a step's loss squares: the residuals and, with a penalty, weights."""
        matrices = self.stack().matrices() if self.objective.l2 else []
        return self.residuals + sum(rows * columns for _, (rows, columns) in matrices)

    @property
    def looks_at_conflicts(self) -> bool:
        """Whether its gradients are compared in every step: several terms, and somebody asks."""
        changes = self.aggregation.kind != "sum" or self.alignment.kind != "none"
        return self.terms > 1 and (changes or self.record.conflict)

    @property
    def terms(self) -> int:
        """Number of loss terms: a regression has one."""
        if not self.objective.solves:
            return 1
        conditions = trained_conditions(self.problem, self.inputs, self.constraints)
        return 1 + len(conditions) + len(self.data)

    @property
    def steps(self) -> int:
        """Number of updates over all stages and their phases."""
        return self.stages.count * sum(phase.steps for phase in self.phases)

    @property
    def observed(self) -> int:
        """Number of observations that a step is trained on; of those that have been read."""
        return sum(each.per_step for each in self.data)

    @property
    def trained_problem(self) -> Problem:
        """What is trained on at a time: a part of the problem where stages divide it."""
        divided = self.stages.continues
        return self.stages.problem(self.problem, 0) if divided else self.problem

    @property
    def size(self) -> int:
        """Number of trained parameters: the network's, and one for each unknown of the problem."""
        return self.network.parametrization_of(self.stack()).size + len(self.problem.unknowns)

    def stack(self) -> Stack:
        """The layers of the network."""
        return stack_of(self.problem, self.network, self.inputs)

    def shape_key(self) -> str:
        """Canonical text without that in which members of one pack may differ."""
        plain = self.to_dict(lambda part: part.to_dict(part.per_member))
        del plain["record"]["fields"]
        return canonical_json(plain)

    def to_dict(self, as_plain: AsPlain = _to_dict) -> Plain:
        """As plain nested data with every default, each part with its ``kind``."""
        return {each.name: self.plain(each.name, as_plain) for each in fields(self)}

    def plain(self, name: str, as_plain: AsPlain = _to_dict) -> Any:  # noqa: ANN401
        """The value of one field as plain data, as in ``to_dict``."""
        return _plain(getattr(self, name), as_plain)

    def identity(self) -> Plain:
        """What makes it this configuration: what differs from the defaults, since rule 2.

        A run without an option has the name that it had before there was one.
        """
        said = {each.name: _identity(getattr(self, each.name)) for each in fields(self)}
        defaults = {each.name: default_of(each) for each in fields(self) if has_default(each)}
        return {
            name: value
            for name, value in said.items()
            if name not in defaults or value != _identity(defaults[name])
        }


def _plain(value: object, as_plain: AsPlain) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return [_plain(entry, as_plain) for entry in value]
    if isinstance(value, Part | Observations):
        return as_plain(value)
    if isinstance(value, Record):
        return {each.name: _plain(getattr(value, each.name), as_plain) for each in fields(value)}
    return value


def _identity(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return [_identity(entry) for entry in value]
    if isinstance(value, Part | Observations):
        return value.identity()
    return differing(value) if isinstance(value, Record) else value


def families() -> Mapping[str, Family[Any]]:
    """The families of a configuration's parts, by the key that holds a part or a list of parts."""
    found = {}
    for each in fields(Configuration):
        kinds = [each.type, *get_args(each.type)]
        for family in FAMILIES.values():
            if family.contract is not None and family.contract in kinds:
                found[each.name] = family
    return found


def canonical_json(value: Any) -> str:  # noqa: ANN401
    """The one serialisation that hashes use: sorted keys, no spaces, shortest floats, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
