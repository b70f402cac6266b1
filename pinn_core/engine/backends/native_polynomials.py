"""Polynomials of channels in C++ (``cpp/polynomials.hpp``): values and adjoints of a whole pack."""

import ctypes
from functools import lru_cache
from typing import Any

from pinn_core.engine.backends import library
from pinn_core.engine.polynomials import Polynomials
from pinn_core.tensors import Tensor, torch

_COUNT, _COUNTS, _NUMBERS = ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p


class _Form(ctypes.Structure):
    """``Polynomials`` in cpp/polynomials.hpp."""

    _fields_ = (
        *((name, _COUNT) for name in ("quantities", "partners", "columns", "entries")),
        *((name, _COUNTS) for name in ("first", "first_factor", "factor")),
        ("constant", _NUMBERS),
        *((name, _COUNTS) for name in ("column", "channel", "partner", "output")),
    )


class Form:
    """Polynomials as C++ takes them."""

    def __init__(self, polynomials: Polynomials) -> None:
        self.polynomials = polynomials
        products = [each for quantity in polynomials.quantities for each in quantity]
        entries = list(dict.fromkeys(entry for each in products for entry in each.entries))
        constants = [each.constant for each in products]
        self._tables: dict[str, ctypes.Array[Any]] = {
            "first": _counts(_ends([len(quantity) for quantity in polynomials.quantities])),
            "first_factor": _counts(_ends([len(each.entries) for each in products])),
            "factor": _counts([entries.index(entry) for e in products for entry in e.entries]),
            "constant": (ctypes.c_double * len(constants))(*constants),
            "column": _counts([-1 if e.column is None else e.column for e in products]),
            "channel": _counts([channel for channel, _, _ in entries]),
            "output": _counts([output for _, output, _ in entries]),
            "partner": _counts([partner for _, _, partner in entries]),
        }
        self._form = _Form(
            len(polynomials.quantities),
            polynomials.partners,
            polynomials.columns,
            len(entries),
            **{name: ctypes.addressof(table) for name, table in self._tables.items()},
        )

    @property
    def address(self) -> int:
        """Where the structure lies, as long as this object lives."""
        return ctypes.addressof(self._form)

    def values(self, channels: Tensor, coefficients: Tensor | None) -> Tensor:
        """The quantities (m, n, q) from channels (m, c, n partners, k).

        ``coefficients`` are (m or 1, n, columns), None where there are no columns.
        """
        channels = channels.contiguous()
        points = channels.shape[2] // self.polynomials.partners
        values = channels.new_empty(len(channels), points, len(self.polynomials.quantities))
        self._call("polynomial_values", channels, coefficients, values)
        return values

    def adjoint(self, channels: Tensor, coefficients: Tensor | None, slopes: Tensor) -> Tensor:
        """The adjoint of the channels that belongs to ``slopes`` (m, n, q) of the quantities."""
        channels, slopes = channels.contiguous(), slopes.contiguous()
        adjoint = torch.empty_like(channels)
        self._call("polynomial_adjoint", channels, coefficients, slopes, adjoint)
        return adjoint

    def _call(
        self, name: str, channels: Tensor, coefficients: Tensor | None, *tables: Tensor
    ) -> None:
        members, count, points, outputs = channels.shape
        table = None if coefficients is None else coefficients.to(channels.dtype).contiguous()
        answer = library.function(name, channels.dtype)(
            self.address,
            channels.data_ptr(),
            None if table is None else table.data_ptr(),
            table is None or len(table) == 1,
            members,
            points // self.polynomials.partners,
            outputs,
            count,
            *[table.data_ptr() for table in tables],
        )
        library.refuse(answer, name)


form_of = lru_cache(maxsize=256)(Form)
"""The C++ form of polynomials, made once."""


def _ends(lengths: list[int]) -> list[int]:
    return [sum(lengths[:number]) for number in range(len(lengths) + 1)]


def _counts(numbers: list[int]) -> ctypes.Array[ctypes.c_int64]:
    return (_COUNT * len(numbers))(*numbers)
