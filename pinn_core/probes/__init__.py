"""Diagnostics of the loss landscape: gradients' histograms, Hessians, tangent kernels."""

from pinn_core.probes.hessian import hessian
from pinn_core.probes.histograms import histograms
from pinn_core.probes.lanczos import lanczos, largest, quadrature
from pinn_core.probes.landscape import Landscape
from pinn_core.probes.preconditioning import keeps_pairs, root_of

__all__ = [
    "Landscape",
    "hessian",
    "histograms",
    "keeps_pairs",
    "lanczos",
    "largest",
    "quadrature",
    "root_of",
]
