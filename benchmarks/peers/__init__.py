"""The same training problem in other hands, as their users write it.

A ``Peer`` trains one network: ``both()`` (losses and both gradients) and ``step()`` (a complete
training step). A ``PackPeer`` trains all networks of a pack in one call. All agree with each other
and with our engine: tests/benchmarks/test_peers.py shows it.
"""

from benchmarks.peers.task import Both, PackPeer, PackTask, Peer, Task, flat

__all__ = ["Both", "PackPeer", "PackTask", "Peer", "Task", "flat"]
