"""Precisions: how numbers are kept, and how a GPU may multiply matrices of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from pinn_core.tensors import torch

Precision = Literal["float32", "float64", "tf32"]
"""``tf32`` is float32 but for a GPU's matrix products, which round their factors to 10 bits."""


def dtype_of(precision: str) -> "torch.dtype":
    """Torch's name of the numbers that are kept."""
    return torch.float64 if precision == "float64" else torch.float32


def bytes_of(precision: str) -> int:
    """What one of these numbers takes."""
    return 8 if precision == "float64" else 4


@contextmanager
def matrix_products(precision: str) -> Iterator[None]:
    """Within, a GPU multiplies as the precision says: TF32 where it was asked for, never else.

    Restores what was set before. Of no consequence on a CPU.
    """
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    try:
        yield
    finally:
        matmul.fp32_precision = before
