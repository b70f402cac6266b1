"""Stages, one file each: the problems that a run is trained on, one after the other."""

from pinn_core.curricula.curricula import STAGES, Stages
from pinn_core.curricula.curriculum import Curriculum
from pinn_core.curricula.marching import Marching
from pinn_core.curricula.unstaged import Unstaged
from pinn_core.parts import import_parts

import_parts(__name__, __path__)

__all__ = ["STAGES", "Curriculum", "Marching", "Stages", "Unstaged"]
