"""Loss weightings, one file each."""

from pinn_core.weighting.annealing import Annealing
from pinn_core.weighting.causal import Causal
from pinn_core.weighting.fixed import Fixed
from pinn_core.weighting.gradient_adaptive import GradientAdaptive
from pinn_core.weighting.gradient_norm import GradientNorm
from pinn_core.weighting.ntk import Ntk
from pinn_core.weighting.residual_attention import ResidualAttention
from pinn_core.weighting.self_adaptive import SelfAdaptive
from pinn_core.weighting.weighting import WEIGHTINGS, View, Weighting

__all__ = [
    "WEIGHTINGS",
    "Annealing",
    "Causal",
    "Fixed",
    "GradientAdaptive",
    "GradientNorm",
    "Ntk",
    "ResidualAttention",
    "SelfAdaptive",
    "View",
    "Weighting",
]
