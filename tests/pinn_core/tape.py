"""A CUDA graph's rules on a machine without a GPU: what was captured is all that is done again.

A replay runs no Python. It repeats the operations that were captured, in their order, on the memory
that they read and wrote then; numbers that Python handed over are the numbers of the capture. A
``Tape`` does the same with torch's operations on a CPU.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """Captures the operations of ``work`` and does them."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._made: list[tuple[Callable[..., Any], Any, Any, Any]] = []
        with self:
            work()
        self._fresh = True

    def replay(self) -> None:
        """Do them again; at the first call that is to say nothing, for they were just done."""
        if self._fresh:
            self._fresh = False
            return
        for function, arguments, named, results in self._made:
            again = function(*arguments, **named)
            given = {storage(one) for one in tensors((arguments, named))}
            for result, new in zip(tensors(results), tensors(again), strict=True):
                if storage(result) not in given and not result._is_zerotensor():
                    result.copy_(new)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        self._made.append((func, args, kwargs or {}, results))
        return results


class Allocations(TorchDispatchMode):
    """Notes the tensors that are made while it is active, and which of them are still held."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[tuple[str, weakref.ref[Tensor]]] = []
        self._allocated: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        given = {storage(one) for one in tensors((args, kwargs))}
        self._allocated |= {storage(one) for one in tensors(results)} - given
        self._made += [(str(func), weakref.ref(one)) for one in tensors(results)]
        return results

    def held(self) -> list[str]:
        """What made the tensors whose memory was allocated here and is still in use."""
        gc.collect()
        alive = [(name, one) for name, made in self._made if (one := made()) is not None]
        return [name for name, one in alive if storage(one) in self._allocated]


def tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def storage(tensor: Tensor) -> int:
    """A number for the memory that a tensor lies in."""
    return tensor.untyped_storage()._cdata
