"""Networks, one file each."""

from pinn_core.networks.mlp import Mlp
from pinn_core.networks.modified_mlp import ModifiedMlp
from pinn_core.networks.network import NETWORKS, Network

__all__ = ["NETWORKS", "Mlp", "ModifiedMlp", "Network"]
