"""Networks, one file each."""

from pinn_core.networks.mlp import Mlp
from pinn_core.networks.modified_mlp import ModifiedMlp
from pinn_core.networks.module_network import ModuleNetwork
from pinn_core.networks.network import NETWORKS, Network
from pinn_core.networks.pirate_net import PirateNet
from pinn_core.networks.residual_mlp import ResidualMlp
from pinn_core.networks.siren import Siren
from pinn_core.parts import import_parts

import_parts(__name__, __path__)

__all__ = [
    "NETWORKS",
    "Mlp",
    "ModifiedMlp",
    "ModuleNetwork",
    "Network",
    "PirateNet",
    "ResidualMlp",
    "Siren",
]
