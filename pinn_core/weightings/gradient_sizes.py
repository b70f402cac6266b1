"""How large gradients are, layer by layer, and the moving average that follows such sizes."""

from collections.abc import Sequence

from jaxtyping import Float

from pinn_core.checks import above, at_least
from pinn_core.tensors import Tensor, torch
from pinn_core.weightings.weighting import View


def check_average(ema: float, period: int) -> None:
    """Raise ``ValueError`` unless 0 < ema <= 1 and period >= 1."""
    above(0, ema=ema)
    if ema > 1:
        raise ValueError(f"ema must be <= 1, found {ema}")
    at_least(1, period=period)


def by_layer(
    gradient: Float[Tensor, "m p"], view: View, biases: bool = False
) -> list[Float[Tensor, "m _"]]:
    """The gradient by the weights of every layer, from first to output layer.

    With ``biases`` a layer's biases follow its weights. Encoders are left out.
    """
    weights = [gradient[:, place] for place in view.matrices]
    if not biases:
        return weights
    offsets = [gradient[:, place] for place in view.biases]
    return [torch.cat(pair, dim=1) for pair in zip(weights, offsets, strict=True)]


def largest(parts: Sequence[Float[Tensor, "m _"]]) -> Float[Tensor, "m l"]:
    """The largest magnitude in every part."""
    return torch.stack([part.abs().amax(1) for part in parts], dim=1).double()


def mean(parts: Sequence[Float[Tensor, "m _"]]) -> Float[Tensor, "m l"]:
    """The mean magnitude in every part, summed in float64."""
    sums = [part.abs().sum(1, dtype=torch.float64) / part.shape[1] for part in parts]
    return torch.stack(sums, dim=1)


def averaged(
    old: Float[Tensor, "*tm"], new: Float[Tensor, "*tm"], ema: float = 1.0
) -> Float[Tensor, "*tm"]:
    """(1 - ema) old + ema new in old's dtype; old where that is not finite."""
    found = ((1 - ema) * old.double() + ema * new).to(old.dtype)
    return torch.where(found.isfinite(), found, old)
