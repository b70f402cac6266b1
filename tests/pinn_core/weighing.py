"""What weightings see, without a network: a problem's coordinates, and numbers as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pinn_core import Heat


class Timed(Heat):
    """The heat equation as weightings see it: coordinates."""

    conditions = {}  # noqa: RUF012
    operators = ()


class Steady(Timed):
    kind = "helmholtz"
    coordinates = ("x", "y")


HEAT, STEADY = Timed(), Steady()


def row(numbers: Sequence[float]) -> Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


def random(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.manual_seed(seed)).to(dtype)
