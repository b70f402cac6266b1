"""Networks that are torch modules, whatever their structure."""

from abc import abstractmethod
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from pinn_core.engine.backends.modules import ModuleStack
from pinn_core.engine.parametrization import Parametrization, Plain
from pinn_core.engine.stack import Stack
from pinn_core.networks.network import Network
from pinn_core.randomness import generator
from pinn_core.tensors import Tensor, torch


class ModuleNetwork(Network):
    """The base of networks that a function makes as torch modules.

    Derivatives are torch's own, by forward mode over the whole module: several times slower than
    those of layers that the engine knows, in Python alone.
    """

    @abstractmethod
    def module(self, inputs: int, outputs: int) -> "torch.nn.Module":
        """A new module from rows of ``inputs`` numbers to rows of ``outputs`` numbers.

        Every row on its own, differentiable as often as the equation asks. Its parameters are drawn
        by torch's random numbers, which are seeded for it.
        """

    def stack(self, inputs: int, outputs: int) -> Stack:
        """The module as the engine takes it. Raises ``ValueError`` where it maps rows wrongly."""
        return _stack(self, inputs, outputs)

    def parametrization_of(self, stack: Stack) -> Parametrization:
        """Its parameters as they are."""
        return Plain(stack)

    def initial(self, inputs: int, outputs: int, seed: int) -> Float[Tensor, " p"]:
        """The parameters of a new module, by the seed."""
        tables = _made(self, inputs, outputs, seed).parameters()
        return torch.cat([table.detach().flatten() for table in tables])


def _made(network: ModuleNetwork, inputs: int, outputs: int, seed: int) -> "torch.nn.Module":
    """A module in float64 whose parameters depend on the seed alone."""
    drawn = int(generator(seed, "initial/module").integers(np.iinfo(np.int64).max))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn)
        return network.module(inputs, outputs).double().eval()


@lru_cache(maxsize=64)
def _stack(network: ModuleNetwork, inputs: int, outputs: int) -> ModuleStack:
    module = _made(network, inputs, outputs, 0)
    if not any(table.numel() for table in module.parameters()):
        raise ValueError(f"network {network.kind}: its module has no parameters")
    rows = torch.linspace(-1.0, 1.0, 3 * inputs, dtype=torch.float64).view(3, inputs)
    with torch.no_grad():
        values = module(rows)
        alone = torch.cat([module(row[None]) for row in rows])
    if values.shape != (3, outputs):
        raise ValueError(
            f"network {network.kind}: its module maps rows (3, {inputs}) to "
            f"{tuple(values.shape)}, allowed: (3, {outputs})"
        )
    if not torch.allclose(values, alone, rtol=1e-9, atol=1e-12):
        raise ValueError(f"network {network.kind}: a row of its module depends on other rows")
    return ModuleStack(module, inputs, outputs)
