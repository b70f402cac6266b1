"""Memory that one step leaves to the next: fresh pages cost as much as small networks' layers."""

from threading import RLock

from pinn_core.tensors import Tensor

ROOMS = 4
"""How many are kept: interior and supervised points, of the batch and of a diagnostic."""


class Spare:
    """Flat tensors that nobody uses now."""

    def __init__(self) -> None:
        self._rooms: list[Tensor] = []
        self._lock = RLock()  # reentrant: collecting garbage within ``take`` may give

    def take(self, count: int, like: Tensor) -> Tensor:
        """Room for ``count`` numbers of the precision of ``like``, at most twice that."""
        with self._lock:
            for place, room in enumerate(self._rooms):
                if room.dtype == like.dtype and count <= room.numel() <= 2 * count:
                    return self._rooms.pop(place)
        return like.new_empty(count)

    def give(self, room: Tensor) -> None:
        """Take back what is not used any more; the oldest goes when there are too many."""
        with self._lock:
            self._rooms.append(room)
            del self._rooms[:-ROOMS]
