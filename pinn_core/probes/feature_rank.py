"""The rank of what the hidden layers offer: how many independent functions the last layer sums.

The neurons of a hidden layer are functions phi_i of the coordinates; M_ij is the mean over the
domain of phi_i phi_j, and the epsilon-rank the number of eigenvalues of M above epsilon (arXiv
2412.05144, on the "staircase phenomenon"). The paper says that a lower bound of the loss falls as
the epsilon-rank grows, that deeper layers have the higher rank, and that the loss falls in steps
with it. So it predicts: each drop of the loss comes together with a step of the rank or after one,
and the rank does not move on a plateau. Against it speaks a plateau on which the features could
already be summed to the solution: that is what ``least_squares_error`` measures.

We read the paper's summary alone. The values of epsilon, the quadrature (the mean over the
midpoints of equal cells), no centring and no constant among the features are our choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.hidden import hidden_states, hidden_widths
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Objective
from pinn_core.probes.points import uniform_points
from pinn_core.probes.probe import PROBES, Column, Moment, Phases, Probe, ProbeCost, Setup
from pinn_core.probes.spectra import effective_rank, eigenvalues, rank_above
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.apart import one_at_a_time

THRESHOLDS = {"1e-2": 1e-2, "1e-4": 1e-4, "1e-6": 1e-6, "1e-8": 1e-8}
"""Epsilon, by the names of the columns."""
DEPENDENT = 100
"""Singular values so many times the rounding of the training's precision, in parts of the largest,
and smaller ones are of features that add nothing."""


@PROBES.register("feature_rank")
@dataclass(frozen=True, kw_only=True)
class FeatureRank(Probe):
    """Epsilon-ranks and effective rank of every hidden layer, and what its features can reach.

    At ``points`` midpoints of equal cells of the domain or a few more; features in the training's
    precision, products and decompositions in float64. Layers are ``hidden_1``, ``hidden_2`` and so
    on, and ``last``. ``least_squares_error`` is the relative L2 error of the best sum of the last
    layer's features and a constant, at as many of the grid's points: the error that this network
    would have with its last layer solved for. Problems whose solution is not known on their grid
    have no such column.

    When to use: To tell two plateaus apart: on one the hidden layers lack functions that the
    solution needs; on the other they have them, and ``least_squares_error`` is far below the error.
    """

    every: int = 200
    """It is recorded in every so many steps; 0 is never."""
    points: int = 1024
    """Midpoints of equal cells of the domain that are looked at, at least."""
    layers: Literal["all", "last"] = "all"
    """Whether all hidden layers are looked at, or the last one alone."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(1, points=self.points)

    def check_run(self, stack: Stack, objective: Objective, phases: Phases) -> None:  # noqa: ARG002
        """Refuse torch modules that have no hidden layers to look at."""
        try:
            hidden_widths(stack)
        except ValueError as error:
            raise ValueError(f"probe {self.kind}: {error}") from None

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """Five for each hidden layer, and the error where a solution is known."""
        found = {}
        for layer in layer_names(setup.disc.stack, self.layers):
            for name in THRESHOLDS:
                found[f"{layer}/rank_{name}"] = Column(
                    f"eigenvalues above {name} of the features' mean products, {layer} hidden layer"
                )
            found[f"{layer}/effective_rank"] = Column(
                f"exp of the entropy of those eigenvalues' shares, {layer} hidden layer"
            )
        if _knows(setup.disc):
            found["least_squares_error"] = Column(
                "relative L2 error of the best sum of the last hidden layer's features"
            )
        return found

    def cost(self, stack: Stack, points: int) -> ProbeCost:  # noqa: ARG002
        """The states at both sets of points, their products, and a decomposition."""
        widest = max(stack.widths)
        layers = len(stack.widths) - 2
        products = 2.0 * self.points * widest**2 * layers + 9.0 * layers * widest**3
        solved = 6.0 * self.points * widest**2
        values = 2.0 * 2.0 * self.points * stack.size
        return ProbeCost(values + products + solved, 3 * self.points * widest * layers)

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the states of the hidden layers."""
        disc = moment.setup.disc
        effective, _ = disc.parametrization.effective(moment.parameters)
        at = torch.from_numpy(uniform_points(disc.problem, self.points)).to(effective)
        names = layer_names(disc.stack, self.layers)

        def spectra(parameters: Tensor) -> tuple[Tensor, ...]:
            states = [h.double() for h in hidden_states(disc.stack, parameters, at)[-len(names) :]]
            return tuple(eigenvalues(h.mT @ h / len(at)) for h in states)

        found = {}
        for layer, spectrum in zip(names, one_at_a_time(spectra, effective), strict=True):
            for name, threshold in THRESHOLDS.items():
                found[f"{layer}/rank_{name}"] = rank_above(spectrum, threshold)
            found[f"{layer}/effective_rank"] = effective_rank(spectrum)
        if _knows(disc):
            found["least_squares_error"] = self._error(disc, effective)
        return found

    def _error(self, disc: Discretization, effective: Tensor) -> Float[Tensor, " m"]:
        """Of the best sum of the last features, which a hard form may stand around."""
        points = disc.grid.thinned(self.points, self.kind)
        at, exact = points.coordinates.double(), points["exact"].double()
        known = exact[..., exact.isfinite().flatten(0, 1).all(0)]

        def error(parameters: Tensor) -> tuple[Tensor]:
            states = hidden_states(disc.stack, parameters, points.coordinates[0])[-1].double()
            features = torch.cat([states, torch.ones_like(states[..., :1])], dim=2)
            lift = disc.formed(torch.zeros_like(features[..., :1]), at)
            least = DEPENDENT * torch.finfo(disc.dtype).eps
            rest = _unreached(disc.formed(features, at) - lift, known - lift, least)
            return (rest / known.flatten().norm(),)

        (found,) = one_at_a_time(error, effective)
        return found


def layer_names(stack: Stack, layers: Literal["all", "last"]) -> list[str]:
    """What columns call the hidden layers that are looked at: the last one always the same."""
    before = len(hidden_widths(stack)) - 1 if layers == "all" else 0
    return [*(f"hidden_{number}" for number in range(1, before + 1)), "last"]


def _knows(disc: Discretization) -> bool:
    """Whether the networks' outputs have a solution that is known on the grid."""
    return not disc.error_outputs and disc.problem.grid().knows("exact")


def _unreached(
    features: Float[Tensor, "m n w"], wanted: Float[Tensor, "m n k"], least: float
) -> Float[Tensor, " m"]:
    """The length of the part of ``wanted`` that no sum of the features reaches.

    ``least`` is the smallest singular value that counts, in parts of the largest.
    """
    sound = features.isfinite().flatten(1).all(1)[:, None, None]
    basis, sizes, _ = torch.linalg.svd(torch.where(sound, features, 0.0), full_matrices=False)
    basis = basis * (sizes > least * sizes[:, :1])[:, None]
    rest = wanted - basis @ (basis.mT @ wanted)
    return torch.where(sound.flatten(), rest.flatten(1).norm(dim=1), torch.nan)
