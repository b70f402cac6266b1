"""Loss weightings, one file each."""

from pinn_core.parts import import_parts
from pinn_core.weightings.annealing import Annealing
from pinn_core.weightings.brdr import Brdr
from pinn_core.weightings.causal import Causal
from pinn_core.weightings.db_pinn import DbPinn
from pinn_core.weightings.delayed_residual import DelayedResidual
from pinn_core.weightings.fixed import Fixed
from pinn_core.weightings.gradient_adaptive import GradientAdaptive
from pinn_core.weightings.gradient_norm import GradientNorm
from pinn_core.weightings.ntk import Ntk
from pinn_core.weightings.relobralo import Relobralo
from pinn_core.weightings.residual_attention import ResidualAttention
from pinn_core.weightings.self_adaptive import SelfAdaptive
from pinn_core.weightings.softadapt import SoftAdapt
from pinn_core.weightings.weighting import WEIGHTINGS, View, Weighting

import_parts(__name__, __path__)

__all__ = [
    "WEIGHTINGS",
    "Annealing",
    "Brdr",
    "Causal",
    "DbPinn",
    "DelayedResidual",
    "Fixed",
    "GradientAdaptive",
    "GradientNorm",
    "Ntk",
    "Relobralo",
    "ResidualAttention",
    "SelfAdaptive",
    "SoftAdapt",
    "View",
    "Weighting",
]
