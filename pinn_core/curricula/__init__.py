"""Stages, one file each: the problems that a run is trained on, one after the other."""

from pinn_core.curricula.curricula import STAGES, Stages
from pinn_core.curricula.curriculum import Curriculum
from pinn_core.curricula.marching import Marching
from pinn_core.curricula.unstaged import Unstaged

__all__ = ["STAGES", "Curriculum", "Marching", "Stages", "Unstaged"]
