"""The peers by the names that tables give them, as far as they are installed here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.peers import PackPeer, PackTask, Peer, Task
from benchmarks.peers.compiled import Compiled
from benchmarks.peers.nested import Nested

AUTOGRAD, DEEPXDE = "torch, nested autograd", "DeepXDE"
TORCH = "torch.compile, four channels"
JAXPI, JINNS = "jaxpi's style", "jinns"
NESTED, JVP = "JAX, grad of grad", "JAX, jvp of jvp"
APART, JOINED = "JAX, four channels", "JAX, four channels joined"
CHUNKED, IN_TURN = "JAX, four channels in chunks", "JAX, four channels in turn"
CHANNELS = (APART, JOINED, CHUNKED, IN_TURN)
SCRIPTS = (NESTED, JVP, *CHANNELS)
"""Everything that a single script in JAX may be; the best of them is the one to beat."""

ALONE = (JAXPI, JINNS, DEEPXDE, AUTOGRAD)
"""Those that train one network at a time.

Their step makes one gradient, of the weighted sum, and records the losses at most.
"""
ORDER = (*SCRIPTS, TORCH, JAXPI, JINNS, AUTOGRAD, DEEPXDE)
NEEDS = {"jax": (*SCRIPTS, JAXPI), "jinns": (JINNS,), "deepxde": (DEEPXDE,)}
"""What a peer imports, by the package's name."""
PACKAGES = {"jax", "jinns", "equinox", "optax", "deepxde"}
"""All that may be missing; jinns brings two."""
CHUNKS = (128, 256)
"""Points at a time: the better number for fewer than ``MANY`` points, and for more."""
MANY = 4096


PackPeers = dict[str, Callable[[PackTask], PackPeer]]
Peers = dict[str, Callable[[Task], Peer]]


@dataclass(frozen=True)
class Contenders:
    """Peers that are installed: those that train packs, and those of one network and one step."""

    packs: PackPeers
    steps: Peers
    missing: tuple[str, ...]


def contenders() -> Contenders:
    """All that can be imported; the names of packages that cannot are in ``missing``."""
    packs: PackPeers = {TORCH: Compiled}
    steps: Peers = {AUTOGRAD: Nested}
    missing = []
    for package, install in _INSTALL.items():
        try:
            found_packs, found_steps = install()
        except ModuleNotFoundError as error:
            if error.name not in PACKAGES:
                raise
            missing.append(package)
        else:
            packs |= found_packs
            steps |= found_steps
    return Contenders(packs, steps, tuple(missing))


def _jax() -> tuple[PackPeers, Peers]:
    from benchmarks.peers.jax_scripts import Script, Way
    from benchmarks.peers.jaxpi_style import JaxpiStyle

    ways = {
        NESTED: Way("nested"),
        JVP: Way("jvp"),
        APART: Way("apart"),
        JOINED: Way("joined"),
        IN_TURN: Way("joined", in_turn=True),
    }
    scripts: PackPeers = {name: partial(Script, way=way) for name, way in ways.items()}
    scripts[CHUNKED] = lambda pack: Script(
        pack, Way("apart", chunk=CHUNKS[len(pack.task.interior) >= MANY])
    )
    return {**scripts, JAXPI: JaxpiStyle}, {}


def _jinns() -> tuple[PackPeers, Peers]:
    from benchmarks.peers.jinns import Jinns

    return {JINNS: Jinns}, {}


def _deepxde() -> tuple[PackPeers, Peers]:
    from benchmarks.peers.deepxde import DeepXde

    return {}, {DEEPXDE: DeepXde}


_INSTALL: dict[str, Callable[[], tuple[PackPeers, Peers]]] = {
    "jax": _jax,
    "jinns": _jinns,
    "deepxde": _deepxde,
}


def empty_columns(missing: tuple[str, ...]) -> Iterator[str]:
    """One note for each package that is not installed."""
    for package in missing:
        yield (
            f"{package} is not installed: {', '.join(NEEDS[package])} "
            "left out (pip install 'pinn-sweeps[benchmarks]')."
        )
