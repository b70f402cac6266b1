"""Loss terms in C++ (``cpp/terms.hpp``), and one of a whole pack in one call."""

import ctypes
from dataclasses import dataclass
from typing import Any

from pinn_core.engine.backends import library, native
from pinn_core.engine.backends.native_polynomials import form_of
from pinn_core.engine.operators import Channels
from pinn_core.engine.polynomials import Polynomials
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor, torch

_POINTER, _COUNT = ctypes.c_void_p, ctypes.c_int64


class PointTable(ctypes.Structure):
    """``PointTable`` in cpp/terms.hpp."""

    _fields_ = (("at", _POINTER), ("member", _COUNT))


class LossTerm(ctypes.Structure):
    """``LossTerm`` in cpp/terms.hpp."""

    _fields_ = (
        ("plan", _POINTER),
        ("form", _POINTER),
        ("points", PointTable),
        ("targets", PointTable),
        ("shares", PointTable),
        ("coefficients", PointTable),
        ("rows", _POINTER),
    )


class _Job(ctypes.Structure):
    """``EvaluationJob`` in cpp/evaluation.hpp."""

    _fields_ = (
        *((name, _COUNT) for name in ("members", "parameters", "threads")),
        *((name, _POINTER) for name in ("term", "theta", "loss", "gradient", "values")),
    )


@dataclass(frozen=True)
class Term:
    """A loss term: its stack and operators, and its quantities as polynomials of the channels.

    ``coordinates`` (m or 1, N partners, d), ``targets``, ``shares`` (m or 1, N, q; None: ones) and
    ``coefficients`` (m or 1, N, columns) are those of all its points, of which a step takes
    ``count``.
    """

    stack: Stack
    operators: Channels
    form: Polynomials
    coordinates: Tensor
    targets: Tensor
    shares: Tensor | None
    coefficients: Tensor | None
    count: int


class Held:
    """What C++ is given the addresses of, alive as long as this object.

    ``like`` is the shape of the parameters.
    """

    def __init__(self, like: "torch.Size", precision: "torch.dtype", threads: int) -> None:
        self._like, self._precision, self._threads = like, precision, threads
        self._held: list[Any] = []

    def fill(self, slot: LossTerm, term: Term) -> None:
        """Write a term's polynomials and plan into its structure."""
        form = form_of(term.form)
        self._held.append(form)
        slot.form = form.address
        members, _, width = term.coordinates.shape
        shape = torch.Size((members, term.count * term.form.partners, width))
        slot.plan = self.plan(term.stack, term.operators, shape, keep=True)

    def place(self, slot: LossTerm, term: Term) -> None:
        """Write into it where the points lie, and what is known there.

        Raises ``ValueError`` where a table has not what C++ reads of every point.
        """
        form, points = term.form, term.coordinates.shape[1] // term.form.partners
        _fits("targets", term.targets, (points, len(form.quantities)))
        _fits("shares", term.shares, (points, len(form.quantities)))
        _fits("coefficients", term.coefficients, (points, form.columns))
        slot.points, slot.targets, slot.shares, slot.coefficients = (
            self.table(table)
            for table in (term.coordinates, term.targets, term.shares, term.coefficients)
        )

    def plan(self, stack: Stack, channels: Channels, points: "torch.Size", keep: bool) -> int:
        """The plan of a propagation to so many points."""
        plan = native.plan_of(
            stack, channels, self._like, points, self._precision, self._threads, keep
        )
        self._held.append(plan)
        handle: int = plan.handle
        return handle

    def table(self, table: Tensor | None) -> PointTable:
        """Where a tensor (m or 1, ...) lies."""
        if table is None:
            return PointTable(None, 0)
        table = table.to(self._precision).contiguous()
        self._held.append(table)
        return PointTable(table.data_ptr(), 0 if len(table) == 1 else table.stride(0))

    def numbers(self, numbers: Any) -> int:  # noqa: ANN401
        """Where numbers of ctypes lie."""
        self._held.append(numbers)
        return ctypes.addressof(numbers)


def _fits(name: str, table: Tensor | None, wanted: tuple[int, int]) -> None:
    if table is not None and table.shape[1:] != wanted:
        raise ValueError(
            f"{name} {tuple(table.shape)} of a loss term, of every member {wanted} are read"
        )


def evaluate(term: Term, parameters: Tensor, threads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Losses (m,) in float64, gradients (m, P), and the networks' values (m, N partners, k).

    ``parameters`` are (m, P); all points of the term take part.
    """
    parameters = parameters.contiguous()
    held, slot = Held(parameters.shape, parameters.dtype, threads), LossTerm()
    held.fill(slot, term)
    held.place(slot, term)
    members, places = len(parameters), term.count * term.form.partners
    loss = parameters.new_empty(members, dtype=torch.float64)
    gradient = torch.empty_like(parameters)
    values = parameters.new_empty(members, places, term.stack.widths[-1])
    job = _Job(
        *(*parameters.shape, threads, ctypes.addressof(slot)),
        *(tensor.data_ptr() for tensor in (parameters, loss, gradient, values)),
    )
    answer = library.function("evaluate", parameters.dtype)(ctypes.byref(job))
    library.refuse(answer, "evaluate")
    return loss, gradient, values
