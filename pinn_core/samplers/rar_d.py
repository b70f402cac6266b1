r"""Residual-based adaptive refinement with a distribution: points are added, none is taken away.

Wu, Zhu, Tan, Kartha, Lu, A comprehensive study of non-adaptive and residual-based adaptive sampling
for physics-informed neural networks, CMAME 403, 2023, algorithm 3 (RAR-D).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float

from pinn_core.checks import above, at_least, at_most
from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.discretization.sampling import Fresh
from pinn_core.samplers.density import Density
from pinn_core.samplers.sampler import SAMPLERS, Asked, Batch, Batches, Sampler, Tensors
from pinn_core.tensors import Tensor, torch


@SAMPLERS.register("rar_d")
@dataclass(frozen=True, kw_only=True)
class RarD(Sampler):
    """Uniform points inside, to which those of a density p(x) ~ r(x)^k / mean(r^k) + c are added.

    A run starts with the share ``start`` of the ``batch`` and gets ``added`` more every
    ``resample`` steps, drawn without replacement among ``candidates`` uniform points, until it has
    the whole batch. The paper takes k = 2 and c = 0, half of the points at first and a two
    hundredth of them more each time. (The paper's released scripts have the two exchanged: k = 0
    and c = 2 is a uniform density.) Points of conditions are uniform, and new ones every
    ``resample`` steps.

    A step always evaluates the whole batch: the points still to come are uniform ones that weigh
    nothing in the loss, while the others weigh batch / count. So every step costs the same, and
    what looks at points without the loss (the weights of ``ntk``, ``causal``) counts the points to
    come as well. Drawing waits for the device.

    When to use: For solutions with a sharp feature, where uniform points shall stay all over the
    domain; ``rad`` moves all points instead.
    """

    k: float = 2.0
    """The power of the residual in the density of added points."""
    c: float = 0.0
    """The constant part of that density."""
    start: float = 0.5
    """The share of the batch that a run starts with."""
    added: int = 10
    """Points that are added each time."""
    candidates: int = 10_000
    """Uniform points among which the added ones are drawn."""

    def __post_init__(self) -> None:
        at_least(0, k=self.k, c=self.c)
        above(0, start=self.start)
        at_most(1, start=self.start)
        at_least(1, added=self.added)
        at_least(2, candidates=self.candidates)

    def check(self, asked: Asked) -> None:
        """Refuse more new points than candidates, and points that are never added."""
        if self.added > self.candidates:
            raise ValueError(
                f"candidates must be >= the points added ({self.added}), found {self.candidates}"
            )
        if not asked.resample:
            raise ValueError("resample must be >= 1 with points: rar_d, found 0")

    def count(self, asked: Asked, drawing: int) -> int:
        """How many points there are after so many additions.

        >>> [RarD(added=30).count(Asked(batch=100), drawing) for drawing in (0, 1, 2, 3)]
        [50, 80, 100, 100]
        """
        batch = int(asked.batch)
        return min(batch, max(1, round(self.start * batch)) + drawing * self.added)

    def batches(
        self, asked: Asked, disc: Discretization, seeds: Sequence[int], state: Tensors
    ) -> Batches:
        """Those inside are kept in the state."""
        return _Growing(self, asked, disc, tuple(seeds), state, Fresh(disc, "uniform", seeds))


@dataclass(frozen=True)
class _Growing:
    sampler: RarD
    asked: Asked
    disc: Discretization
    seeds: tuple[int, ...]
    state: Tensors
    fresh: Fresh

    @property
    def fixed(self) -> bool:
        return False

    def at(self, step: int, parameters: Float[Tensor, "m p"] | None = None) -> Batch:
        drawing = self.asked.drawing(step)
        self._grow(drawing, parameters)
        on_segments = {
            name: self.fresh.condition(name, self.asked.on_segments, drawing)
            for name in self.disc.conditions
        }
        points = self.state["interior"]
        share = points.new_zeros(1, points.shape[1], 1)
        count = self.sampler.count(self.asked, drawing)
        share[:, :count] = points.shape[1] / count
        return {"interior": PointSet({"coordinates": points, "share": share}), **on_segments}

    def _grow(self, drawing: int, parameters: Float[Tensor, "m p"] | None) -> None:
        """Put the points in their places that this drawing adds."""
        known = self.state.get("interior/drawing")
        if known is None:
            start = self.fresh.interior(int(self.asked.batch), 0).coordinates
            self.state["interior"] = start.clone()
            before = 0
        else:
            before = int(known[0])
        first, last = (self.sampler.count(self.asked, each) for each in (before, drawing))
        if last > first:
            if parameters is None:
                raise ValueError("sampler rar_d needs the networks' parameters to add points")
            sampler = self.sampler
            density = Density(sampler.k, sampler.c, sampler.candidates, "points/rar_d")
            new = density.drawn(self.disc, parameters, last - first, self.seeds, drawing)
            self.state["interior"][:, first:last] = new
        self.state["interior/drawing"] = torch.full((len(self.seeds),), drawing)
