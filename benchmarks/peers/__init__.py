"""The same training problem in other hands: nested autograd as one writes it, and DeepXDE.

A peer is made from a ``Task`` and has ``both()`` (losses and both gradients) and ``step()`` (a
complete training step). They agree with each other and with our engine: tests/benchmarks shows it.
"""

from benchmarks.peers.task import Both, Peer, Task, flat

__all__ = ["Both", "Peer", "Task", "flat"]
