"""Functions of coordinates with their first and second derivatives, carried by their arithmetic.

>>> x, t = Taylor.coordinates(torch.tensor([[0.5, 2.0]], dtype=torch.float64))
>>> f = x * x * t
>>> f.value, f.gradient
(tensor([0.5000], dtype=torch.float64), tensor([[2.0000, 0.2500]], dtype=torch.float64))
"""

from dataclasses import dataclass
from typing import Union

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch

Term = Union["Taylor", float]


@dataclass(frozen=True)
class Taylor:
    """Value (*n), gradient (*n, d) and Hessian (*n, d, d) of a function at points."""

    value: Tensor
    gradient: Tensor
    hessian: Tensor

    @staticmethod
    def coordinates(points: Float[Tensor, "*n d"]) -> tuple["Taylor", ...]:
        """The coordinates themselves, as functions."""
        d = points.shape[-1]
        directions = torch.eye(d, dtype=points.dtype, device=points.device)
        flat = points.new_zeros(*points.shape, d)
        return tuple(
            Taylor(points[..., i], directions[i].expand(points.shape), flat) for i in range(d)
        )

    def of(self, value: Tensor, slope: Tensor, bend: Tensor) -> "Taylor":
        """A function s of this one, from s, s' and s'' at its values."""
        outer = self.gradient[..., :, None] * self.gradient[..., None, :]
        return Taylor(
            value,
            slope[..., None] * self.gradient,
            slope[..., None, None] * self.hessian + bend[..., None, None] * outer,
        )

    def __add__(self, other: Term) -> "Taylor":
        if isinstance(other, Taylor):
            return Taylor(
                self.value + other.value,
                self.gradient + other.gradient,
                self.hessian + other.hessian,
            )
        return Taylor(self.value + other, self.gradient, self.hessian)

    def __mul__(self, other: Term) -> "Taylor":
        if not isinstance(other, Taylor):
            return Taylor(self.value * other, self.gradient * other, self.hessian * other)
        f, g = self.value[..., None], other.value[..., None]
        cross = self.gradient[..., :, None] * other.gradient[..., None, :]
        return Taylor(
            self.value * other.value,
            f * other.gradient + g * self.gradient,
            f[..., None] * other.hessian + g[..., None] * self.hessian + cross + cross.mT,
        )

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Taylor":
        return self * -1.0

    def __sub__(self, other: Term) -> "Taylor":
        return self + -other

    def __rsub__(self, other: Term) -> "Taylor":
        return -self + other


def sin(f: Taylor) -> Taylor:
    """The sine of a function."""
    s, c = torch.sin(f.value), torch.cos(f.value)
    return f.of(s, c, -s)


def cos(f: Taylor) -> Taylor:
    """The cosine of a function."""
    s, c = torch.sin(f.value), torch.cos(f.value)
    return f.of(c, -s, -c)


def exp(f: Taylor) -> Taylor:
    """The exponential of a function."""
    e = torch.exp(f.value)
    return f.of(e, e, e)
