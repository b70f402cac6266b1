"""What a pack records of its loss landscape, each kind at a cadence of its own."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from jaxtyping import Float
from numpy import ndarray

from pinn_core.discretization.discretization import Discretization, PointSet
from pinn_core.objectives import Term
from pinn_core.optimizers.optimizer import State
from pinn_core.probes.cadence import NEVER, Cadence
from pinn_core.probes.hessian import hessian
from pinn_core.probes.histograms import histograms
from pinn_core.probes.lanczos import lanczos, largest, quadrature
from pinn_core.probes.preconditioning import Root, holds_pairs, root_of
from pinn_core.probes.tangent import kernel_eigenvalues
from pinn_core.randomness import generator
from pinn_core.records.trajectory import HISTOGRAM_EDGES, LANDSCAPE, PRECONDITIONED
from pinn_core.tensors import Tensor, torch

CURVATURE_STEPS = 24
"""Products with a Hessian, from the first probe, for its largest eigenvalue."""
SPECTRUM_STEPS = 40
"""The same per probe for a spectrum, which so many nodes stand for."""
PROBES = 2
"""Random vectors over which a spectrum is averaged."""
KERNEL_POINTS = 128
"""Of each term, at most; Wang, Yu, Perdikaris 2022 take 100."""
TOGETHER = 16
"""Members whose Hessians share a graph on a GPU; a CPU takes one at a time, for equal bits."""

Put = Callable[[str, slice | int, Mapping[str, Tensor]], None]
"""Write a kind's numbers of some members, by loss term, into the tables."""


class Landscape:
    """Numbers that are due at some steps, as tables (due steps, m, ...) by kind and loss term.

    ``start`` makes the tables, in float64 and NaN where nothing was yet; who trains holds them.
    Hessians are made in float64 whatever the training's precision, of the losses at the terms'
    ``recorded_points``, of which ``points`` are the most. The total has the terms' weights of the
    step, not a weighting's factors of single points. Where some phase is L-BFGS a spectrum has a
    second one beside it, as L-BFGS sees it: in the rows to which an iteration led that had pairs
    already.
    """

    def __init__(
        self,
        disc: Discretization,
        terms: Sequence[Term],
        points: int,
        cadences: Mapping[str, Cadence],
    ) -> None:
        self._points = points
        self._cadences = {kind: cadences[kind] for kind in LANDSCAPE if cadences[kind].every}
        self.enter(disc, terms)
        self._layers = [weights for weights, _ in disc.stack.places()]
        self._probes = _probes(disc)
        self._tables = {
            f"{kind}/{name}": shape
            for kind in self.kinds
            for name, shape in self._shapes(kind).items()
        }

    def start(self, rows: int, members: int) -> dict[str, Tensor]:
        """The tables of a training with so many rows."""
        return {
            name: torch.full(
                (len(self._cadence(name).steps(rows)), members, *shape),
                torch.nan,
                dtype=torch.float64,
                device=self._disc.device,
            )
            for name, shape in self._tables.items()
        }

    def enter(self, disc: Discretization, terms: Sequence[Term]) -> None:
        """Look at these terms of this discretization from now on."""
        self._disc = disc
        self._terms = {term.name: term for term in terms}
        self._point_sets = {term.name: term.recorded_points(disc, self._points) for term in terms}
        self._few = {
            name: point_set.thinned(KERNEL_POINTS, "kernel")
            for name, point_set in self._point_sets.items()
        }

    @property
    def kinds(self) -> list[str]:
        """What is recorded at all."""
        return [*self._cadences]

    def _cadence(self, name: str) -> Cadence:
        """When a table has a row."""
        return self._cadences[name.partition("/")[0]]

    def _shapes(self, kind: str) -> dict[str, tuple[int, ...]]:
        """Numbers of a member at a step, by term."""
        names = [*self._point_sets] if kind == "histogram" else ["total", *self._point_sets]
        if kind == "histogram":
            return dict.fromkeys(names, (len(self._layers), len(HISTOGRAM_EDGES)))
        if kind != "kernel":
            shape = (1, CURVATURE_STEPS) if kind == "curvature" else (PROBES, SPECTRUM_STEPS)
            return dict.fromkeys(names, (shape[0], 2, shape[1]))
        sizes = {
            name: len(point_set) * self._width(self._terms[name])
            for name, point_set in self._few.items()
        }
        return {name: (sizes.get(name, sum(sizes.values())),) for name in names}

    def _width(self, term: Term) -> int:
        """Quantities of a term at a point."""
        disc = self._disc
        start = torch.zeros(1, disc.size, device=disc.device, dtype=disc.dtype)
        return term.quantities(disc, start, self._few[term.name])[0].shape[2]

    def due(self, step: int) -> frozenset[str]:
        """The kinds that this row has."""
        return frozenset(kind for kind, cadence in self._cadences.items() if cadence.due(step))

    def next_due(self, step: int) -> int:
        """The first step after this one at which anything is due."""
        return min((cadence.next(step) for cadence in self._cadences.values()), default=NEVER)

    def record(
        self,
        tables: Mapping[str, Tensor],
        step: int,
        parameters: Float[Tensor, "m p"],
        weights: Float[Tensor, "t m"],
        optimizer: State,
    ) -> None:
        """Record what is due of these parameters, with the terms' weights in their order.

        ``optimizer`` is the state that the update into this row left.
        """
        due = self.due(step)

        def put(kind: str, members: slice | int, numbers: Mapping[str, Tensor]) -> None:
            for name, measured in numbers.items():
                table = tables[f"{kind}/{name}"]
                size = min(measured.shape[-1], table.shape[-1])  # stages differ in their points
                table[self._cadences[kind].row(step), members, ..., :size] = measured[..., :size]

        if "histogram" in due:
            put("histogram", slice(None), self._histograms(parameters))
        if due & {"curvature", "spectrum"}:
            together = TOGETHER if parameters.is_cuda else 1
            for first in range(0, len(parameters), together):
                group = slice(first, min(first + together, len(parameters)))
                there = parameters[group].double().clone()
                self._curve(put, due, group, there, weights[:, group])
                if PRECONDITIONED in due and holds_pairs(optimizer):
                    self._precondition(put, group, there, weights[:, group], optimizer)
        if "kernel" in due:
            for member in range(len(parameters)):
                put(
                    "kernel",
                    member,
                    kernel_eigenvalues(
                        self._disc, parameters, [*self._terms.values()], self._few, member
                    ),
                )

    def _histograms(self, parameters: Tensor) -> dict[str, Tensor]:
        return {
            name: histograms(
                term.loss_and_gradient(self._disc, parameters, self._point_sets[name])[0].gradient,
                self._layers,
            )
            for name, term in self._terms.items()
        }

    def _curve(
        self, put: Put, due: frozenset[str], group: slice, parameters: Tensor, weights: Tensor
    ) -> None:
        """Lanczos' matrices of every Hessian of some members.

        The curvature's are the beginning of the spectrum's first.
        """
        asked = (
            (self._probes, SPECTRUM_STEPS)
            if "spectrum" in due
            else (self._probes[:1], CURVATURE_STEPS)
        )
        for name, matrices in self._matrices(group, parameters, weights, *asked).items():
            if "spectrum" in due:
                put("spectrum", group, {name: matrices})
            if "curvature" in due:
                put("curvature", group, {name: matrices[:, :1, :, :CURVATURE_STEPS]})

    def _precondition(
        self, put: Put, group: slice, parameters: Tensor, weights: Tensor, optimizer: State
    ) -> None:
        """The same of every Hessian between the roots of the inverse that L-BFGS carries."""
        known = optimizer["pairs"][group] > 0
        if not known.any():
            return
        asked, root = (self._probes, SPECTRUM_STEPS), root_of(optimizer, group)
        for name, matrices in self._matrices(group, parameters, weights, *asked, root).items():
            put(
                PRECONDITIONED,
                group,
                {name: torch.where(known[:, None, None, None], matrices, torch.nan)},
            )

    def _matrices(
        self,
        group: slice,
        parameters: Tensor,
        weights: Tensor,
        probes: Float[Tensor, "probes size"],
        steps: int,
        root: Root | None = None,
    ) -> dict[str, Float[Tensor, "m probes 2 k"]]:
        """Of what is optimised, ``total``, and of each term."""
        members = range(group.start, group.stop)
        point_sets = {name: point_set.of(members) for name, point_set in self._point_sets.items()}
        found = {
            name: self._lanczos({name: point_set}, parameters, probes, steps, root)
            for name, point_set in point_sets.items()
        }
        total = (
            found[next(iter(found))] * weights[0][:, None, None, None]
            if len(point_sets) == 1
            else self._lanczos(point_sets, parameters, probes, steps, root, weights)
        )
        return {"total": total, **found}

    def _lanczos(
        self,
        point_sets: Mapping[str, PointSet],
        parameters: Tensor,
        probes: Float[Tensor, "probes size"],
        steps: int,
        root: Root | None,
        weights: Float[Tensor, "t m"] | None = None,
    ) -> Float[Tensor, "m probes 2 k"]:
        def losses(own: Tensor) -> Tensor:
            each = [
                self._terms[name].differentiable_loss(self._disc, own, point_set)
                for name, point_set in point_sets.items()
            ]
            if weights is not None:
                each = [weight * loss for weight, loss in zip(weights, each, strict=True)]
            return torch.stack(each).sum(0)

        product = hessian(losses, parameters)
        if root:
            product = partial(root.between, product)
        missing = parameters.shape[1] - probes.shape[1]
        starts = torch.nn.functional.pad(probes, (0, missing))[:, None].expand(
            -1, len(parameters), -1
        )
        found = [torch.stack(lanczos(product, start, steps), dim=1) for start in starts]
        return torch.stack(found, dim=1)

    def cells(
        self, tables: Mapping[str, Tensor], rows: int, member: int
    ) -> dict[str, list[float | list[float] | None]]:
        """A member's columns of rows 0 to rows - 1; None where nothing was due or it is not finite.

        ``pinn_core.records.trajectory.landscape_columns`` says what they hold.
        """
        found = {}
        for name in self._tables:
            kind, cadence = name.partition("/")[0], self._cadence(name)
            samples = tables[name][:, member].cpu().numpy()
            column: list[float | list[float] | None] = [None] * rows
            for step in cadence.steps(rows):
                column[step] = _cell(kind, samples[cadence.row(step)])
            found[name] = column
        return found


def _probes(disc: Discretization) -> Float[Tensor, "probes size"]:
    """The same for every run of as many parameters."""
    rng = generator(0, f"landscape/{disc.size}")
    return torch.from_numpy(rng.standard_normal((PROBES, disc.size))).to(disc.device)


def _cell(kind: str, numbers: ndarray) -> float | list[float] | None:
    """What is kept of the numbers of a member at a step."""
    if not numbers.shape[-1] or not _finite(numbers):
        return None
    if kind == "curvature":
        return largest(*numbers[0])
    if kind in ("spectrum", PRECONDITIONED):
        rules = [quadrature(*matrix) for matrix in numbers]
        nodes = [node for rule in rules for node in rule[0]]
        return [*nodes, *(weight / len(rules) for rule in rules for weight in rule[1])]
    return [float(number) for number in numbers.ravel()]


def _finite(numbers: ndarray) -> bool:
    return bool((abs(numbers) < float("inf")).all())
