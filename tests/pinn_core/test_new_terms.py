"""A kind of term that the program does not know: one class, and everybody treats it as a term."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.aggregations import Aggregation, ConFIG, Sum
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.operators import Derivatives
from pinn_core.objectives import Batch, Batches, Term
from pinn_core.objectives.term import Origin
from pinn_core.objectives.terms import ConditionTerm, EquationTerm, problem_terms
from pinn_core.optimizers import LBFGS, Optimizer
from pinn_core.problems import KleinGordon, PoissonAnnulus, Reaction
from pinn_core.weightings import Annealing, Ntk, SelfAdaptive, Weighting

D = Derivatives("x", "t")


@pytest.fixture(autouse=True)
def _few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinn_core.probes.landscape.CURVATURE_STEPS", 2)
    monkeypatch.setattr("pinn_core.probes.landscape.KERNEL_POINTS", 5)


@dataclass(frozen=True)
class Slopes(Term):
    """Observed slopes in time, with the adjoint that autograd makes."""

    origin: ClassVar[Origin] = "data"

    def of_channels(self, channels: Tensor, point_set: PointSet) -> Tensor:  # noqa: ARG002
        return channels[:, 1]

    def recorded_points(self, disc: Discretization, most: int) -> PointSet:  # noqa: ARG002
        return observed(disc)

    def target(self, point_set: PointSet, quantities: Tensor) -> Tensor:  # noqa: ARG002
        return point_set["target"]


def observed(disc: Discretization) -> PointSet:
    where = np.linspace(0.1, 0.9, 10).reshape(1, 5, 2)
    return disc.point_set({"coordinates": where, "target": np.full((1, 5, 1), 0.5)})


@dataclass(frozen=True)
class WithSlopes:
    """The batches of another objective, with the observed points beside them."""

    known: Batches
    slopes: PointSet

    @property
    def fixed(self) -> bool:
        return self.known.fixed

    def at(self, step: int, parameters: Tensor | None = None) -> Batch:
        return {**self.known.at(step, parameters), "slopes": self.slopes}


class Observing(Pinn):
    """A PINN with one term more."""

    def terms(self, disc: Discretization) -> tuple[Term, ...]:
        return *super().terms(disc), Slopes("slopes", "slopes", (D.t,))

    def weights(self, disc: Discretization) -> Mapping[str, float]:
        return {**super().weights(disc), "slopes": 3.0}

    def batches(self, disc: Discretization, seeds: Sequence[int], state: Any = None) -> Batches:
        return WithSlopes(super().batches(disc, seeds, state), observed(disc))


def configuration(
    phase: Optimizer, weighting: Weighting, aggregation: Aggregation, batch: Any
) -> Configuration:
    return Configuration(
        problem=KleinGordon(points_per_axis=6),
        network=Mlp(width=5, depth=2, activation="tanh"),
        objective=Observing(lambda_b=2.0, batch=batch),
        phases=(phase,),
        weighting=weighting,
        aggregation=aggregation,
        record=Record(
            points=20,
            gradients_every=2,
            gradient_points=10,
            full_every=2,
            histograms_every=2,
            curvature_every=4,
            kernel_every=4,
            conflict=True,
        ),
    )


@pytest.mark.parametrize(
    ("phase", "weighting", "aggregation", "batch"),
    [
        (Adam(steps=4), Annealing(period=2), ConFIG(), "full"),
        (Adam(steps=4), Ntk(period=2), Sum(), 12),
        (LBFGS(steps=4), SelfAdaptive(terms="all"), Sum(), "full"),
    ],
    ids=["annealing and aggregation", "kernels of a batch", "line searches with factors"],
)
def test_it_is_trained_weighed_and_recorded(
    phase: Optimizer, weighting: Weighting, aggregation: Aggregation, batch: Any
) -> None:
    members = [Member(configuration(phase, weighting, aggregation, batch), seed) for seed in (0, 1)]
    together = train(members, backend="eager")
    for member, trained in zip(members, together, strict=True):
        assert trained.digest() == train([member], backend="eager")[0].digest()
        table = trained.table
        for prefix in ("loss", "full/loss", "gradient/norm", "histogram", "curvature", "kernel"):
            assert table[f"{prefix}/slopes"][0].is_valid
        assert table["weight/slopes"].null_count == 0
        assert table["weight/slopes"][0].as_py() == 3
    losses, weights = (
        {
            name: np.array(table[f"{what}/{name}"][0].as_py())
            for name in ("residual", "initial", "boundary", "slopes")
        }
        for what in ("loss", "weight")
    )
    if batch == "full":
        total = sum(weights[name] * losses[name] for name in losses)
        assert table["loss/total"][0].as_py() == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    "problem",
    [
        Reaction(points_x=8, points_t=6),
        KleinGordon(points_per_axis=6),
        PoissonAnnulus(points_per_axis=9, outer="robin"),
    ],
)
def test_autograd_makes_the_adjoints_that_the_terms_know(problem: Any) -> None:
    disc = Discretization(problem, Mlp(width=5, depth=2, activation="tanh"), "float64")
    theta = torch.stack([disc.initial(Mlp(width=5, depth=2), seed) for seed in (0, 1)])
    points = {"interior": disc.interior, **disc.condition_points}
    for term in problem_terms(disc):
        assert isinstance(term, EquationTerm | ConditionTerm)
        point_set = points[term.points]
        places = term.evaluated_at(point_set.coordinates)
        channels = disc.linearize(theta, places, term.operators).channels
        quantities, back = term.with_adjoint(channels, point_set)
        known, known_back = Term.with_adjoint(term, channels, point_set)
        assert torch.equal(quantities, known)
        slope = torch.linspace(-1, 1, quantities.numel()).double().view_as(quantities)
        assert torch.allclose(back(slope), known_back(slope), rtol=1e-14)
