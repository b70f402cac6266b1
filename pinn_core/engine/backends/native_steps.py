"""Whole training steps in C++ (``cpp/steps.hpp``): several in one call for a pack."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

from pinn_core.engine.backends import library
from pinn_core.engine.backends.native_terms import Held, LossTerm, Term
from pinn_core.engine.operators import Channels
from pinn_core.engine.stack import Stack
from pinn_core.tensors import Tensor

_POINTER, _COUNT, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


class _Watched(ctypes.Structure):
    """``Watched`` in cpp/steps.hpp."""

    _fields_ = (("plan", _POINTER), ("points", _POINTER))


class _Job(ctypes.Structure):
    """``StepsJob`` in cpp/steps.hpp."""

    _fields_ = (
        *((name, _COUNT) for name in ("steps", "members", "parameters", "terms", "watched")),
        *((name, ctypes.c_int32) for name in ("threads", "free_gradients")),
        *((name, _POINTER) for name in ("term", "watch", "theta", "previous_update", "initial")),
        *((name, _POINTER) for name in ("weights", "first", "second", "rates", "shrinks")),
        ("corrections", _POINTER),
        *((name, _NUMBER) for name in ("beta1", "beta2", "epsilon")),
        *((name, _COUNT) for name in ("tables", "sources", "values")),
        *((name, _POINTER) for name in ("source", "targets", "table_weights")),
        *((name, _POINTER) for name in ("exact_weights", "always", "gradients")),
        *((name, _COUNT) for name in ("always_row", "gradients_row", "derived")),
        ("derive", _POINTER),
    )


@dataclass(frozen=True)
class Adam:
    """The moments (m, P), and the next steps' rates, shares of decay and corrections."""

    first: Tensor
    second: Tensor
    rates: Tensor
    shrinks: Tensor | None
    corrections: Tensor
    constants: tuple[float, float, float]


@dataclass(frozen=True)
class Record:
    """Where every step's numbers go, and the tables (t, values) that values are compared with.

    ``sources`` are terms by number and, after them, what is watched. Where gradients are recorded
    in every step, the losses of the equation and of the terms ``derived`` stand beside them.
    """

    sources: Sequence[int]
    targets: Tensor
    weights: Tensor
    derived: Sequence[int]


class Steps:
    """The steps of one pack: what stays the same from call to call."""

    def __init__(
        self,
        terms: Sequence[Term],
        watched: Sequence[tuple[Stack, Tensor]],
        record: Record,
        parameters: Tensor,
        threads: int,
    ) -> None:
        self._run = library.function("steps", parameters.dtype)
        self._like = parameters.shape, parameters.dtype, threads
        self._held = held = Held(*self._like)
        self._term = (LossTerm * len(terms))()
        for slot, term in zip(self._term, terms, strict=True):
            held.fill(slot, term)
        self.place(terms)
        self._watch = (_Watched * len(watched))()
        for watch, (stack, points) in zip(self._watch, watched, strict=True):
            watch.plan = held.plan(stack, Channels((), points.shape[2]), points.shape, keep=False)
            watch.points = held.table(points).at
        self._job = _Job(
            members=parameters.shape[0],
            parameters=parameters.shape[1],
            terms=len(terms),
            watched=len(watched),
            threads=threads,
            term=ctypes.addressof(self._term),
            watch=ctypes.addressof(self._watch),
            tables=len(record.targets),
            sources=len(record.sources),
            values=record.targets.shape[1],
            source=held.numbers((_COUNT * len(record.sources))(*record.sources)),
            targets=held.table(record.targets).at,
            table_weights=held.table(record.weights).at,
            derived=len(record.derived),
            derive=held.numbers((_COUNT * len(record.derived))(*record.derived)),
        )

    def place(self, terms: Sequence[Term]) -> None:
        """Give all terms their points: at first, and where later steps have others, as many."""
        self._places = Held(*self._like)
        for slot, term in zip(self._term, terms, strict=True):
            self._places.place(slot, term)

    def run(
        self,
        steps: int,
        rows: Sequence[Tensor | None],
        parameters: tuple[Tensor, Tensor, Tensor],
        weights: tuple[Tensor, Tensor],
        adam: Adam,
        tables: tuple[Tensor, Tensor | None],
    ) -> None:
        """Make so many steps.

        ``rows`` (steps, m, n) choose among each term's points; ``parameters`` are the present, the
        initial ones and the last update, ``weights`` those of the terms as rounded and in float64;
        ``tables`` begin with the first step's row: (rows, numbers, m), the second for gradients
        where they are recorded in every step.
        """
        for slot, chosen in zip(self._term, rows, strict=True):
            slot.rows = _address(chosen)
        theta, initial, previous = parameters
        always, gradients = tables
        job = self._job
        job.steps, job.free_gradients = steps, gradients is not None
        job.theta, job.initial, job.previous_update = map(_address, (theta, initial, previous))
        job.weights, job.exact_weights = map(_address, weights)
        job.first, job.second = _address(adam.first), _address(adam.second)
        job.rates, job.shrinks = _address(adam.rates), _address(adam.shrinks)
        job.corrections = _address(adam.corrections)
        job.beta1, job.beta2, job.epsilon = adam.constants
        job.always, job.always_row = _address(always), always.stride(0)
        job.gradients = _address(gradients)
        job.gradients_row = 0 if gradients is None else gradients.stride(0)
        library.refuse(self._run(ctypes.byref(job)), "steps")


def _address(tensor: Tensor | None) -> int | None:
    if tensor is None:
        return None
    if not tensor.is_contiguous():
        raise ValueError(f"native steps need contiguous tensors, found strides {tensor.stride()}")
    return tensor.data_ptr()
