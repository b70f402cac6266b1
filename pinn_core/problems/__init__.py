"""Partial differential equations to train on, one file each."""

from pinn_core.parts import import_parts
from pinn_core.problems.allen_cahn import AllenCahn
from pinn_core.problems.burgers import Burgers
from pinn_core.problems.burgers_inverse import BurgersInverse
from pinn_core.problems.cavity import Cavity
from pinn_core.problems.cavity_stream import CavityStream
from pinn_core.problems.conditions import (
    Box,
    Combination,
    Condition,
    Conditions,
    Segment,
    neumann,
    robin,
)
from pinn_core.problems.conductivity_inverse import ConductivityInverse
from pinn_core.problems.convection import Convection
from pinn_core.problems.ginzburg_landau import GinzburgLandau
from pinn_core.problems.gray_scott import GrayScott
from pinn_core.problems.hard import Hard
from pinn_core.problems.heat import Heat
from pinn_core.problems.heat_disc import HeatDisc
from pinn_core.problems.helmholtz import Helmholtz
from pinn_core.problems.kdv import KdV
from pinn_core.problems.kinetics_inverse import KineticsInverse
from pinn_core.problems.klein_gordon import KleinGordon
from pinn_core.problems.kuramoto_sivashinsky import KuramotoSivashinsky
from pinn_core.problems.poisson import Poisson
from pinn_core.problems.poisson_annulus import PoissonAnnulus
from pinn_core.problems.poisson_cube import PoissonCube
from pinn_core.problems.poisson_disc import PoissonDisc
from pinn_core.problems.poisson_lshape import PoissonLShape
from pinn_core.problems.problem import PROBLEMS, Grid, Points, Problem
from pinn_core.problems.reaction import Reaction
from pinn_core.problems.reaction_diffusion import ReactionDiffusion
from pinn_core.problems.unknowns import Unknown, Unknowns
from pinn_core.problems.wave import Wave

import_parts(__name__, __path__)

__all__ = [
    "PROBLEMS",
    "AllenCahn",
    "Box",
    "Burgers",
    "BurgersInverse",
    "Cavity",
    "CavityStream",
    "Combination",
    "Condition",
    "Conditions",
    "ConductivityInverse",
    "Convection",
    "GinzburgLandau",
    "GrayScott",
    "Grid",
    "Hard",
    "Heat",
    "HeatDisc",
    "Helmholtz",
    "KdV",
    "KineticsInverse",
    "KleinGordon",
    "KuramotoSivashinsky",
    "Points",
    "Poisson",
    "PoissonAnnulus",
    "PoissonCube",
    "PoissonDisc",
    "PoissonLShape",
    "Problem",
    "Reaction",
    "ReactionDiffusion",
    "Segment",
    "Unknown",
    "Unknowns",
    "Wave",
    "neumann",
    "robin",
]
