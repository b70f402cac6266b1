"""Functions of the coordinates that a network takes as its input, with their derivatives.

>>> ramp = Features(directions=((2.0, 0.0), (0.0, 4.0)), phases=(-1.0, 0.0))
>>> ramp.affine
True
>>> ramp.values(torch.tensor([[0.5, 0.25]]))
tensor([[0., 1.]])
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from jaxtyping import Float

from pinn_core.engine.operators import Channels, Operator
from pinn_core.tensors import Tensor, torch

Wave = Literal["identity", "cos", "sin"]


@dataclass(frozen=True)
class Features:
    """Feature j of the coordinates x is s_j(directions[j] . x + phases[j]), s_j a wave.

    ``waves`` names every s_j; none named means that all are the identity. Raises ``ValueError``
    where the lengths differ.
    """

    directions: tuple[tuple[float, ...], ...]
    phases: tuple[float, ...]
    waves: tuple[Wave, ...] = ()

    def __post_init__(self) -> None:
        if not self.waves:
            object.__setattr__(self, "waves", ("identity",) * len(self.phases))
        if not len(self.directions) == len(self.phases) == len(self.waves):
            raise ValueError(
                f"every feature needs a direction, a phase and a wave, found "
                f"{len(self.directions)}, {len(self.phases)} and {len(self.waves)}"
            )

    @property
    def count(self) -> int:
        """Number of features."""
        return len(self.phases)

    @cached_property
    def affine(self) -> bool:
        """Whether feature j is coordinate j, shifted and scaled by a number that is not zero."""
        rows = enumerate(self.directions)
        diagonal = all((k != 0) == (i == j) for j, row in rows for i, k in enumerate(row))
        square = len(self.directions[0]) == self.count
        return square and diagonal and set(self.waves) == {"identity"}

    def values(self, points: Float[Tensor, "*n d"]) -> Float[Tensor, "*n f"]:
        """The features at points; differentiable by autograd to any order."""
        tables = _tables(self, points.dtype, points.device)
        return _mixed(tables.masks, self._angles(points), 0)

    def channels(
        self, points: Float[Tensor, "m n d"], channels: Channels
    ) -> Float[Tensor, "m c n f"]:
        """Value, slopes and operators (without their zeroth part) of the features at points."""
        tables = _tables(self, points.dtype, points.device)
        angles = self._angles(points)
        jet = [_mixed(tables.masks, angles, order) for order in range(3)]
        rows = [jet[0]]
        rows += [jet[1] * tables.directions[:, axis] for axis in channels.slopes]
        for op in channels.operators:
            twist, bend, slope = _symbol(self, op, points.dtype, points.device)
            row = jet[2] * bend + jet[1] * slope
            rows.append(row + _mixed(tables.masks, angles, 3) * twist if op.third else row)
        return torch.stack(rows, dim=1)

    def _angles(self, points: Tensor) -> Tensor:
        """Directions times coordinates plus phases, one coordinate at a time.

        A matrix product of few columns might round by the number of points.
        """
        tables = _tables(self, points.dtype, points.device)
        angles = tables.phases
        for axis in range(points.shape[-1]):
            angles = angles + points[..., axis, None] * tables.directions[:, axis]
        return angles


def scaled(
    points: Float[Tensor, "#m n d"], operators: Sequence[Operator], features: Features
) -> tuple[Float[Tensor, "#m n d"], tuple[Operator, ...]]:
    """Points and operators in the coordinates z = s x + c that affine features are.

    d/dx_i becomes s_i d/dz_i, so that a network of z needs no features. Raises ``ValueError`` for
    features that are not affine.
    """
    if not features.affine:
        raise ValueError("only affine features are a change of coordinates")
    return features.values(points), _stretched(tuple(operators), features)


@lru_cache(maxsize=64)
def _stretched(operators: tuple[Operator, ...], features: Features) -> tuple[Operator, ...]:
    scale = [row[axis] for axis, row in enumerate(features.directions)]
    return tuple(
        Operator(
            {(i, j): value * scale[i] * scale[j] for (i, j), value in op.second.items()},
            {i: value * scale[i] for i, value in op.first.items()},
            op.zeroth,
            {
                (i, j, k): value * scale[i] * scale[j] * scale[k]
                for (i, j, k), value in op.third.items()
            },
        )
        for op in operators
    )


@dataclass(frozen=True)
class _Tables:
    """Directions (f, d), phases (f,) and per wave a mask (f,), None where no feature has it."""

    directions: Tensor
    phases: Tensor
    masks: dict[str, Tensor | None]


@lru_cache(maxsize=32)
def _tables(features: Features, dtype: "torch.dtype", device: "torch.device") -> _Tables:
    def table(rows: object) -> Tensor:
        return torch.tensor(rows, dtype=dtype, device=device)

    masks: dict[str, Tensor | None] = {}
    for wave in ("identity", "cos", "sin"):
        chosen = [name == wave for name in features.waves]
        masks[wave] = torch.tensor(chosen, device=device) if any(chosen) else None
    return _Tables(table(features.directions), table(features.phases), masks)


@lru_cache(maxsize=64)
def _symbol(
    features: Features, op: Operator, dtype: "torch.dtype", device: "torch.device"
) -> tuple[Tensor, Tensor, Tensor]:
    """Per feature k what an operator does to a wave: sum T_ijh k_i k_j k_h, k^T A k, b . k."""
    third = [
        sum(t * k[i] * k[j] * k[h] for (i, j, h), t in op.third.items())
        for k in features.directions
    ]
    second = [sum(a * k[i] * k[j] for (i, j), a in op.second.items()) for k in features.directions]
    first = [sum(b * k[i] for i, b in op.first.items()) for k in features.directions]
    return (
        torch.tensor(third, dtype=dtype, device=device),
        torch.tensor(second, dtype=dtype, device=device),
        torch.tensor(first, dtype=dtype, device=device),
    )


def _mixed(masks: dict[str, Tensor | None], angles: Tensor, order: int) -> Tensor:
    """Every feature's own wave of the angles, or its derivative of order 1 to 3."""
    mixed: Tensor | None = None
    for wave, mask in masks.items():
        if mask is not None:
            found = _wave(wave, angles, order)
            mixed = found if mixed is None else torch.where(mask, found, mixed)
    if mixed is None:
        raise ValueError("no features")
    return mixed


def _wave(wave: str, angles: Tensor, order: int) -> Tensor:
    if wave == "identity":
        return angles if order == 0 else torch.full_like(angles, float(order == 1))
    quarter = order + (wave == "cos")  # every derivative is the function, a quarter period on
    found = torch.cos(angles) if quarter % 2 else torch.sin(angles)
    return -found if quarter % 4 > 1 else found
