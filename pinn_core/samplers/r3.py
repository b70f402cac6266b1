r"""Retain, resample, release: points where the residual is large stay, the others are drawn anew.

Daw, Bu, Wang, Perdikaris, Karpatne, Mitigating propagation failures in physics-informed neural
networks using retain-resample-release (R3) sampling, ICML 2023, algorithm 1. With the residuals
r_i of a step at its N points, the next step has

    the points with |r_i| > (1/N) sum_j |r_j|,  and uniform ones in place of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import Fresh
from pinn_core.samplers.sampler import SAMPLERS, Asked, Batch, Batches, Sampler, Tensors
from pinn_core.tensors import Tensor, torch


@SAMPLERS.register("r3")
@dataclass(frozen=True, kw_only=True)
class R3(Sampler):
    """Points inside that gather where the residual stays large (Daw et al. 2023).

    Every ``resample`` steps (the paper: every step) they are kept where the length of the latest
    step's residual is above its mean over the points, and replaced by uniform ones elsewhere. A
    step's own residuals serve: nothing is evaluated twice. Points of conditions are uniform. A
    run that diverged gets uniform points.

    When to use: For solutions that have to spread from the conditions into the domain, such as
    convection. The mean residual on such points may rise while it falls everywhere else: judge a
    run by its error or its residual at held-out points.
    """

    def check(self, asked: Asked) -> None:
        """Refuse points that are never released."""
        if not asked.resample:
            raise ValueError(f"resample must be >= 1 with points: {self.kind}, found 0")

    def batches(
        self, asked: Asked, disc: Discretization, seeds: Sequence[int], state: Tensors
    ) -> Batches:
        """Those inside and their squared residuals are kept in the state."""
        return Retaining(asked, disc, tuple(seeds), state, Fresh(disc, "uniform", seeds))


@dataclass(frozen=True)
class Retaining:
    """Its batches; the squared fitness of the points inside is what ``heed`` is told."""

    asked: Asked
    disc: Discretization
    seeds: tuple[int, ...]
    state: Tensors
    fresh: Fresh

    @property
    def fixed(self) -> bool:
        """Never."""
        return False

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:  # noqa: ARG002
        """The points that were retained, and new ones."""
        drawing = self.asked.drawing(step)
        known = self.state.get("interior/drawing")
        if known is None or int(known[0]) != drawing:
            points = self.fresh.interior(int(self.asked.batch), drawing).coordinates
            if known is None:
                self.state["interior/squares"] = torch.zeros_like(points[..., 0])
            else:
                kept = _retained(self.state["interior/squares"])
                points = torch.where(kept[..., None], self.state["interior"], points)
            self.state["interior"] = points.clone()
            self.state["interior/drawing"] = torch.full((len(self.seeds),), drawing)
        on_segments = {
            name: self.fresh.condition(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        return {"interior": PointSet({"coordinates": self.state["interior"]}), **on_segments}

    def heed(self, squares: Float[Tensor, "m n"]) -> None:
        """Remember what the next drawing retains points by."""
        self.state["interior/squares"].copy_(squares)


def _retained(squares: Float[Tensor, "m n"]) -> Tensor:
    """Where the residual's length is above the member's mean; nowhere where that is NaN."""
    lengths = squares.double().sqrt()
    means = torch.stack([own.mean() for own in lengths])  # one by one: a pack changes no bit
    return lengths > means[:, None]
