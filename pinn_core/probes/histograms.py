"""Histograms of a gradient's entries, layer by layer, on a signed logarithmic axis.

Wang, Teng, Perdikaris 2021 (figures 2, 5 and 10) compare the layers' weights alone, without biases.
Bins are relative to the layer's largest entry, so that a spike at zero keeps its shape.
"""

from collections.abc import Sequence

from jaxtyping import Float

from pinn_core.records.trajectory import HISTOGRAM_EDGES
from pinn_core.tensors import Tensor, torch


def histograms(
    gradient: Float[Tensor, "m p"], layers: Sequence[slice]
) -> Float[Tensor, "m layers numbers"]:
    """For every layer its largest absolute entry, then counts in the bins of ``HISTOGRAM_EDGES``.

    ``layers`` are the places of the layers' weights.
    """
    return torch.stack([_histogram(gradient[:, place].double()) for place in layers], dim=1)


def _histogram(entries: Tensor) -> Tensor:
    bins = len(HISTOGRAM_EDGES) - 1
    largest = entries.abs().amax(1, keepdim=True)
    ladder = entries.new_tensor(HISTOGRAM_EDGES[bins // 2 + 1 :])
    # Comparisons alone: a logarithm may round by where in memory an entry lies.
    rungs = torch.searchsorted(largest * ladder, entries.abs(), right=True)
    outward = rungs.clamp(max=bins // 2)
    place = bins // 2 + torch.where(entries < 0, -outward, torch.where(entries > 0, outward, 0))
    counts = entries.new_zeros(len(entries), bins)
    counts.scatter_add_(1, place, torch.ones_like(entries))
    return torch.cat([largest, counts], dim=1)
