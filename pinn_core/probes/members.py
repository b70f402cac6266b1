"""Measuring members apart, so that no one's numbers depend on who else is in the pack."""

from collections.abc import Callable, Mapping, Sequence

from jaxtyping import Float

from pinn_core.tensors import Tensor, torch

Measured = Mapping[str, Tensor]
Measure = Callable[[Tensor, Sequence[int]], Measured]
"""From some members' parameters (k, p), and which members they are, to their numbers (k,)."""


def by_member(
    parameters: Float[Tensor, "m p"], measure: Measure, together: int = 1
) -> dict[str, Tensor]:
    """Of all members: on a CPU each alone, on a GPU ``together`` at a time."""
    size = together if parameters.is_cuda else 1
    found = []
    for first in range(0, len(parameters), size):
        members = range(first, min(first + size, len(parameters)))
        own = parameters[first : members.stop].contiguous().clone()
        found.append(measure(own, members))
    return {name: torch.cat([each[name] for each in found]) for name in found[0]}
