"""Functions of coordinates with derivatives to order two or three, carried by their arithmetic.

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
    """Value (*n), gradient (*n, d) and Hessian (*n, d, d) of a function at points.

    ``third`` (*n, d, d, d) are the third derivatives, where the coordinates carry them.
    """

    value: Tensor
    gradient: Tensor
    hessian: Tensor
    third: Tensor | None = None

    @staticmethod
    def coordinates(points: Float[Tensor, "*n d"], order: int = 2) -> tuple["Taylor", ...]:
        """The coordinates themselves, as functions with derivatives to order two or three."""
        d = points.shape[-1]
        directions = torch.eye(d, dtype=points.dtype, device=points.device)
        flat = points.new_zeros(*points.shape, d)
        third = points.new_zeros(*points.shape, d, d) if order > 2 else None
        return tuple(
            Taylor(points[..., i], directions[i].expand(points.shape), flat, third)
            for i in range(d)
        )

    def of(
        self, value: Tensor, slope: Tensor, bend: Tensor, twist: Tensor | None = None
    ) -> "Taylor":
        """A function s of this one, from s and its three derivatives at its values.

        Raises ``ValueError`` where third derivatives are carried and the third one is not given.
        """
        outer = self.gradient[..., :, None] * self.gradient[..., None, :]
        third = None
        if self.third is not None:
            if twist is None:
                raise ValueError("Taylor.of needs a third derivative where such are carried")
            cube = outer[..., None] * self.gradient[..., None, None, :]
            third = (
                slope[..., None, None, None] * self.third
                + bend[..., None, None, None] * _split(self.gradient, self.hessian)
                + twist[..., None, None, None] * cube
            )
        return Taylor(
            value,
            slope[..., None] * self.gradient,
            slope[..., None, None] * self.hessian + bend[..., None, None] * outer,
            third,
        )

    def __add__(self, other: Term) -> "Taylor":
        if isinstance(other, Taylor):
            return Taylor(
                self.value + other.value,
                self.gradient + other.gradient,
                self.hessian + other.hessian,
                None if self.third is None or other.third is None else self.third + other.third,
            )
        return Taylor(self.value + other, self.gradient, self.hessian, self.third)

    def __mul__(self, other: Term) -> "Taylor":
        if not isinstance(other, Taylor):
            third = None if self.third is None else self.third * other
            return Taylor(self.value * other, self.gradient * other, self.hessian * other, third)
        f, g = self.value[..., None], other.value[..., None]
        cross = self.gradient[..., :, None] * other.gradient[..., None, :]
        return Taylor(
            self.value * other.value,
            f * other.gradient + g * self.gradient,
            f[..., None] * other.hessian + g[..., None] * self.hessian + cross + cross.mT,
            self._third_times(other),
        )

    def _third_times(self, other: "Taylor") -> Tensor | None:
        """Third derivatives of a product."""
        if self.third is None or other.third is None:
            return None
        f, g = self.value[..., None, None, None], other.value[..., None, None, None]
        mixed = _split(self.gradient, other.hessian) + _split(other.gradient, self.hessian)
        return f * other.third + g * self.third + mixed

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> "Taylor":
        return self * -1.0

    def __sub__(self, other: Term) -> "Taylor":
        return self + -other

    def __rsub__(self, other: Term) -> "Taylor":
        return -self + other


def _split(v: Float[Tensor, "*n d"], h: Float[Tensor, "*n d d"]) -> Float[Tensor, "*n d d d"]:
    """v_i h_jk + v_j h_ik + v_k h_ij."""
    return (
        v[..., :, None, None] * h[..., None, :, :]
        + v[..., None, :, None] * h[..., :, None, :]
        + v[..., None, None, :] * h[..., :, :, None]
    )


def sin(f: Taylor) -> Taylor:
    """The sine of a function."""
    s, c = torch.sin(f.value), torch.cos(f.value)
    return f.of(s, c, -s, -c)


def cos(f: Taylor) -> Taylor:
    """The cosine of a function."""
    s, c = torch.sin(f.value), torch.cos(f.value)
    return f.of(c, -s, -c, s)


def exp(f: Taylor) -> Taylor:
    """The exponential of a function."""
    e = torch.exp(f.value)
    return f.of(e, e, e, e)
