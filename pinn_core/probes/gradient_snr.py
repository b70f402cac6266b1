"""The signal and the noise in the gradients of single points.

With g_i the gradient of the loss at point i, the mean over points is the step's gradient, and
SNR = |mean of g_i| / (|standard deviation of g_i| + 1e-8), the deviation entry by entry over
points (Anagnostopoulos, Toscano, Stergiopulos, Karniadakis, arXiv 2403.18494, over mini-batches;
over points as the code of arXiv 2510.23501 has it). By that account training goes through three
phases: fitting with a high SNR, diffusion with a low one, and total diffusion, which begins with an
abrupt rise of the SNR and in which residuals become alike in size (homogeneous) and the error falls
fastest. So it predicts: a plateau is a phase of low SNR; the SNR rises before the loss drops, and
``homogeneity``, std |r| / mean |r|, falls with it. ``complexity``, the mean of |grad u|^2, is the
measure that the same code records beside it.

All points of all terms are one sample each: of N points, of which N_t are the term's, the term's
point i has the loss (N / N_t) w_t r_i^2, so that the mean is what is optimised. That weighing is
ours. |standard deviation|^2 is the mean of |g_i|^2 less |mean of g_i|^2, and |g_i| is made without
g_i (``pinn_core.objectives.point_gradients``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.checks import at_least
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.engine.operators import Operator
from pinn_core.engine.stack import Stack
from pinn_core.objectives import Term
from pinn_core.objectives.point_gradients import term_at
from pinn_core.probes.few import at_places, chosen_places
from pinn_core.probes.members import Measure, by_member
from pinn_core.probes.points import uniform_points
from pinn_core.probes.probe import PROBES, Column, Moment, Probe, ProbeCost, Setup
from pinn_core.tensors import Tensor, torch
from pinn_core.vectors.rows import dots

GUARD = 1e-8
"""Added to the noise, as the source has it."""
TOGETHER = 16
"""Members that share a graph on a GPU."""


@PROBES.register("gradient_snr")
@dataclass(frozen=True, kw_only=True)
class GradientSnr(Probe):
    """Signal-to-noise ratio of the points' gradients, of every loss term and of all together.

    The signal is that of the step's whole batch, the mean of |g_i|^2 that of ``points`` points of
    each term, drawn once (exact where a term has no more). Weights of terms and points
    count as they do in the step. ``homogeneity`` is the standard deviation over the mean of the
    lengths of the first term's mismatches at those points, ``complexity`` the mean of |grad u|^2 at
    as many points of the domain.

    When to use: To see whether a plateau is a phase in which the points' gradients cancel.
    """

    every: int = 200
    """It is recorded in every so many steps; 0 is never."""
    points: int = 128
    """Points of each term whose own gradients are measured."""

    def __post_init__(self) -> None:
        at_least(0, every=self.every)
        at_least(2, points=self.points)

    def columns(self, setup: Setup) -> Mapping[str, Column]:
        """One for each term, one for their sum, and those of the residuals and the solution."""
        names = [term.name for term in setup.terms]
        of = {name: f"loss/{name}" for name in names} | {"total": "what is optimised"}
        snr = {
            name: Column(f"signal-to-noise ratio of the points' gradients of {loss}")
            for name, loss in of.items()
        }
        return {
            **snr,
            "homogeneity": Column(f"std over mean of the mismatches' sizes in loss/{names[0]}"),
            "complexity": Column("mean over the domain of |grad u|^2"),
        }

    def cost(self, stack: Stack, points: int) -> ProbeCost:
        """A way forward and one back with four channels at two terms' points, their products."""
        count, channels = min(2 * self.points, points), 4.0
        ways = 6.0 * channels * count * stack.size
        products = 2.0 * channels**2 * count * 2 * sum(stack.widths)
        slopes = 2.0 * channels * self.points * stack.size
        return ProbeCost(ways + products + slopes, int(8 * channels) * count * sum(stack.widths))

    def measure(self, moment: Moment) -> Mapping[str, Tensor]:
        """From the step's gradients and those of single points."""
        terms = moment.setup.terms
        sizes = [len(moment.batch[term.points]) for term in terms]
        gradients = [moment.evaluation.terms[term.name].gradient.double() for term in terms]
        total = sum(w[:, None] * g for w, g in zip(moment.weights, gradients, strict=True))
        signals = dots([*gradients, total], [*gradients, total])
        found = by_member(moment.parameters, self._squares(moment), TOGETHER)
        shares = [size / sum(sizes) for size in sizes]
        means = [found[term.name] for term in terms]
        means.append(
            sum(
                weight.square() * mean / share
                for weight, mean, share in zip(moment.weights, means, shares, strict=True)
            )
        )
        names = [*(term.name for term in terms), "total"]
        ratios = {
            name: signal.sqrt() / ((mean - signal).clamp_min(0.0).sqrt() + GUARD)
            for name, mean, signal in zip(names, means, signals, strict=True)
        }
        complexity = by_member(moment.parameters, self._complexity(moment.setup.disc))
        return {**ratios, "homogeneity": found["homogeneity"], **complexity}

    def _squares(self, moment: Moment) -> Measure:
        """The mean of |g_i|^2 of every term without its weight, and the homogeneity."""
        setup = moment.setup

        def squares(parameters: Tensor, members: Sequence[int]) -> dict[str, Tensor]:
            found = {}
            for number, term in enumerate(setup.terms):
                batch = moment.batch[term.points].of(members)
                places = chosen_places(len(batch), self.points, self.kind)
                factors = moment.factors.get(term.name)
                if factors is not None:
                    factors = factors[list(members)][:, places.to(factors.device)]
                points = at_places(batch, places)
                lengths, mismatch = _of_points(setup.disc, parameters, term, points, factors)
                found[term.name] = lengths.double().mean(1)
                if number == 0:
                    sizes = mismatch.double().norm(dim=2)
                    deviation = sizes.std(1, correction=0)
                    found["homogeneity"] = deviation / sizes.mean(1)
            return found

        return squares

    def _complexity(self, disc: Discretization) -> Measure:
        axes = range(len(disc.problem.coordinates))
        slopes = tuple(Operator(first={axis: 1.0}) for axis in axes)
        points = torch.from_numpy(uniform_points(disc.problem, self.points))[None].to(
            disc.device, disc.dtype
        )

        def complexity(parameters: Tensor, members: Sequence[int]) -> dict[str, Tensor]:  # noqa: ARG001
            channels = disc.linearize(parameters, points, slopes, keep=False).channels
            return {"complexity": channels[:, 1:].double().square().sum((1, 3)).mean(1)}

        return complexity


def _of_points(
    disc: Discretization,
    parameters: Float[Tensor, "m p"],
    term: Term,
    point_set: PointSet,
    factors: Float[Tensor, "m n"] | None,
) -> tuple[Float[Tensor, "m n"], Float[Tensor, "m n q"]]:
    """Squared lengths of the gradients of the points' squared mismatches, and the mismatches."""
    at = term_at(disc, parameters, term, point_set)
    target, share = term.target(point_set, at.quantities), term.share(point_set)
    mismatch = at.quantities if target is None else at.quantities - target
    slope = 2.0 * mismatch
    if share is not None:
        slope = slope * share
    if factors is not None:
        slope = slope * factors[..., None]
    return at.gradients(slope).squares(), mismatch
