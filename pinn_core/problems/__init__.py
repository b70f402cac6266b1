"""Partial differential equations to train on, one file each."""

from pinn_core.parts import import_parts
from pinn_core.problems.allen_cahn import AllenCahn
from pinn_core.problems.burgers import Burgers
from pinn_core.problems.burgers_inverse import BurgersInverse
from pinn_core.problems.cavity import Cavity
from pinn_core.problems.cavity_stream import CavityStream
from pinn_core.problems.conditions import Box, Condition, Conditions, Segment
from pinn_core.problems.conductivity_inverse import ConductivityInverse
from pinn_core.problems.convection import Convection
from pinn_core.problems.hard import Hard
from pinn_core.problems.heat import Heat
from pinn_core.problems.helmholtz import Helmholtz
from pinn_core.problems.kinetics_inverse import KineticsInverse
from pinn_core.problems.klein_gordon import KleinGordon
from pinn_core.problems.poisson import Poisson
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
    "Condition",
    "Conditions",
    "ConductivityInverse",
    "Convection",
    "Grid",
    "Hard",
    "Heat",
    "Helmholtz",
    "KineticsInverse",
    "KleinGordon",
    "Points",
    "Poisson",
    "Problem",
    "Reaction",
    "ReactionDiffusion",
    "Segment",
    "Unknown",
    "Unknowns",
    "Wave",
]
