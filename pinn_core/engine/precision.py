"""Precisions: how numbers are kept, and how a GPU may multiply matrices of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Precision = Literal["float32", "float64", "tf32"]
"""``tf32`` is float32 but for a GPU's matrix products, which round their factors to 10 bits."""

DTYPES = {"float32": torch.float32, "float64": torch.float64, "tf32": torch.float32}


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
