"""Stages, one file each: the problems that a run is trained on, one after the other."""

from pinn_core.stages.curriculum import Curriculum
from pinn_core.stages.marching import Marching
from pinn_core.stages.stages import STAGES, Stages
from pinn_core.stages.unstaged import Unstaged

__all__ = ["STAGES", "Curriculum", "Marching", "Stages", "Unstaged"]
