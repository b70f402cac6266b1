"""When work is done: list scheduling, in which a free slot takes the next piece in order.

>>> in_order([3.0, 2.0, 2.0], slots=2)
[[0], [1, 2]]
>>> latest_first([3.0, 2.0, 2.0], slots=2)
[4.0, 3.0]
"""

import heapq
from collections.abc import Sequence


def in_order(costs: Sequence[float], slots: int) -> list[list[int]]:
    """The pieces that each of so many slots takes, by their places in ``costs``.

    Longest first, the last slot ends at most 4/3 - 1/(3 slots) times later than in the best of all
    orders (Graham 1969).
    """
    taken: list[list[int]] = [[] for _ in range(slots)]
    free = [(0.0, slot) for slot in range(slots)]
    for piece, cost in enumerate(costs):
        at, slot = free[0]
        taken[slot].append(piece)
        heapq.heapreplace(free, (at + cost, slot))
    return taken


def latest_first(costs: Sequence[float], slots: int) -> list[float]:
    """When the slots end, from the latest on; of two such lists the lesser is the better."""
    ends = [sum(costs[piece] for piece in slot) for slot in in_order(costs, slots)]
    return sorted(ends, reverse=True)
