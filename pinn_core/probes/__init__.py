"""Diagnostics: probes, one file each, and those of the loss landscape."""

from pinn_core.parts import import_parts
from pinn_core.probes.hessian import hessian
from pinn_core.probes.histograms import histograms
from pinn_core.probes.lanczos import lanczos, largest, quadrature
from pinn_core.probes.landscape import Landscape
from pinn_core.probes.pairwise_cosine import PairwiseCosine
from pinn_core.probes.preconditioning import keeps_pairs, root_of
from pinn_core.probes.probe import PROBES, Column, Moment, Phase, Probe, ProbeCost, Setup

import_parts(__name__, __path__)

__all__ = [
    "PROBES",
    "Column",
    "Landscape",
    "Moment",
    "PairwiseCosine",
    "Phase",
    "Probe",
    "ProbeCost",
    "Setup",
    "hessian",
    "histograms",
    "keeps_pairs",
    "lanczos",
    "largest",
    "quadrature",
    "root_of",
]
