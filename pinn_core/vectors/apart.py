"""Products that round alike however many members there are."""

from collections.abc import Callable

from pinn_core.tensors import Tensor, torch


def apart(function: Callable[..., tuple[Tensor, ...]], *tables: Tensor) -> list[Tensor]:
    """The function's results for all members; on a CPU each member is computed alone.

    Matrix routines round by how many there are and by where they lie.
    """
    if not tables[0].is_cpu:
        return list(function(*tables))
    members = zip(*(table.unbind() for table in tables), strict=True)
    found = [
        function(*(own.clone(memory_format=torch.contiguous_format) for own in each))
        for each in members
    ]
    return [torch.stack(parts) for parts in zip(*found, strict=True)]
