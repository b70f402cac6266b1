"""A pack's fully connected layers as views into flat parameters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from pinn_core.engine.activations import Jet
from pinn_core.engine.features import Features
from pinn_core.tensors import Tensor

LANES = 32
"""Points and parameters are padded to this multiple: no vector unit is left with a remainder."""

Gates = Literal["none", "paper", "code"]


def padded(size: int) -> int:
    """The next multiple of ``LANES``."""
    return size + -size % LANES


@dataclass(frozen=True)
class Stack:
    """Layer widths from input to output, at least one hidden layer, and the activation's jet.

    With ``gates`` two encoders U and V of the input stand beside the layers, and a hidden layer
    with activation A passes on A U + (1 - A) V (``code``, every hidden layer) or (1 - A) U + A V
    (``paper``, all but the first). ``features`` of the coordinates are the input, ``widths[0]`` of
    them; without any the coordinates themselves are. The flat parameters hold weights and biases of
    the layers from first to last, then those of the encoders. Raises ``ValueError`` where gates
    or features do not fit the widths.
    """

    widths: tuple[int, ...]
    activation: Callable[[Tensor, int], Jet]
    gates: Gates = "none"
    features: Features | None = None

    def __post_init__(self) -> None:
        hidden = self.widths[1:-1]
        if self.gates != "none" and len(set(hidden)) != 1:
            raise ValueError(f"gated layers must have one width, found {hidden}")
        if self.gates == "paper" and len(hidden) < 2:
            raise ValueError("the paper's gates need at least 2 hidden layers, found 1")
        if self.features is not None and self.features.count != self.widths[0]:
            raise ValueError(f"{self.features.count} features into {self.widths[0]} inputs")

    @property
    def first_gate(self) -> int | None:
        """The first hidden layer with a gate, counted from 0; all later ones have one, too."""
        return {"none": None, "code": 0, "paper": 1}[self.gates]

    def has_gate(self, layer: int) -> bool:
        """Whether a gate follows the hidden layer of this number, counted from 0."""
        return self.first_gate is not None and layer >= self.first_gate

    @property
    def base_encoder(self) -> int:
        """The encoder B (0: U, 1: V) of a gate, which passes on A (C - B) + B with the other C."""
        return 0 if self.gates == "paper" else 1

    def with_features(self, features: Features | None) -> "Stack":
        """The same layers behind features of the coordinates."""
        return replace(self, features=features)

    @property
    def size(self) -> int:
        """Number of parameters of one member."""
        return _size(self.shapes) + _size(self.encoder_shapes)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of every layer, without the encoders."""
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))

    @property
    def encoder_shapes(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of both encoders, or nothing."""
        return [] if self.gates == "none" else [(self.widths[0], self.widths[1])] * 2

    def layers(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Views (weights (m, out, in), biases (m, out)) into flat parameters (m, P >= size)."""
        return _views(parameters, self.shapes, self.places())

    def encoders(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The same views for the encoders U and V, or nothing."""
        shapes = self.encoder_shapes
        return _views(parameters, shapes, _places(shapes, _size(self.shapes)))

    def places(self) -> list[tuple[slice, slice]]:
        """Where every layer's weights and biases lie in the flat parameters, without encoders."""
        return _places(self.shapes, 0)

    def last_layer(self) -> slice:
        """Where the last layer lies: its weights, output by output, then its biases.

        Empty where it is not known, as of torch modules.
        """
        weights, biases = self.places()[-1]
        return slice(weights.start, biases.stop)

    def matrices(self) -> list[tuple[slice, tuple[int, int]]]:
        """Where all weights lie, those of the encoders last, and their shapes (out, in)."""
        shapes = [*self.shapes, *self.encoder_shapes]
        return [
            (weights, (fan_out, fan_in))
            for (weights, _), (fan_in, fan_out) in zip(_places(shapes, 0), shapes, strict=True)
        ]

    def hidden_matrices(self) -> list[tuple[slice, tuple[int, int]]]:
        """Those between two hidden layers: no first, no last, no encoder's."""
        return self.matrices()[1 : len(self.shapes) - 1]


def _size(shapes: Iterable[tuple[int, int]]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in shapes)


def _places(shapes: Iterable[tuple[int, int]], at: int) -> list[tuple[slice, slice]]:
    places = []
    for fan_in, fan_out in shapes:
        middle, end = at + fan_in * fan_out, at + (fan_in + 1) * fan_out
        places.append((slice(at, middle), slice(middle, end)))
        at = end
    return places


def _views(
    parameters: Tensor, shapes: list[tuple[int, int]], places: list[tuple[slice, slice]]
) -> list[tuple[Tensor, Tensor]]:
    members = len(parameters)
    return [
        (parameters[:, weights].view(members, fan_out, fan_in), parameters[:, biases])
        for (fan_in, fan_out), (weights, biases) in zip(shapes, places, strict=True)
    ]
