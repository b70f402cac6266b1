"""A training step as one CUDA graph: launched by one call instead of some hundred."""

from collections.abc import Callable, Hashable

import torch


class CudaGraphs:
    """Runs work that is the same every time but for what lies in its tensors.

    The first time it runs as it is (which also warms the libraries up), the second time it is
    captured, from then on replayed. Such work changes tensors in place, allocates freely, and never
    waits for the device.
    """

    def __init__(self) -> None:
        self._seen: set[Hashable] = set()
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}

    def run(self, key: Hashable, work: Callable[[], None]) -> None:
        """Do the work; ``key`` names all that it depends on but does not read from tensors."""
        if key not in self._seen:
            self._seen.add(key)
            work()
            return
        if key not in self._graphs:
            self._graphs[key] = self._captured(work)
        self._graphs[key].replay()

    def _captured(self, work: Callable[[], None]) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        pool = next(iter(self._graphs.values())).pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool):
            work()
        return graph
