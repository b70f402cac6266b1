"""What a method of a part gave, looked at before it is used."""

from pinn_core.parts import Part
from pinn_core.tensors import Tensor


class WrongReturn(ValueError):
    """A part's method gave something that its family does not promise; the message says what."""


def returned(part: Part, method: str, found: object, like: Tensor) -> Tensor:
    """What a method gave, contiguous; raises ``WrongReturn`` unless it has the shape of ``like``.

    >>> import torch
    >>> from pinn_core.weightings import Fixed
    >>> returned(Fixed(), "update", torch.ones(1, 3), torch.ones(3, 1))
    Traceback (most recent call last):
    pinn_core.training.returned.WrongReturn: fixed: update gave the shape (1, 3), allowed: (3, 1)
    """
    if not isinstance(found, Tensor):
        gave = f"a {type(found).__name__}, allowed: a tensor of the shape {tuple(like.shape)}"
        raise WrongReturn(f"{part.kind}: {method} gave {gave}")
    if found.shape != like.shape:
        shapes = f"{tuple(found.shape)}, allowed: {tuple(like.shape)}"
        raise WrongReturn(f"{part.kind}: {method} gave the shape {shapes}")
    return found.contiguous()
