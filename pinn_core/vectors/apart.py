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


def one_at_a_time(function: Callable[..., tuple[Tensor, ...]], *tables: Tensor) -> list[Tensor]:
    """The same of a function that keeps the members' axis: on a CPU it gets tables (1, ...)."""
    if not tables[0].is_cpu:
        return list(function(*tables))
    found = [
        function(*(table[row : row + 1].contiguous().clone() for table in tables))
        for row in range(len(tables[0]))
    ]
    return [torch.cat(parts) for parts in zip(*found, strict=True)]
