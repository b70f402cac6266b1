"""Optimizers, one file each; a run's phases are a list of them."""

from pinn_core.optimizers.adam import Adam
from pinn_core.optimizers.adamw import AdamW
from pinn_core.optimizers.gradient_descent import GradientDescent
from pinn_core.optimizers.gradient_descent_armijo import GradientDescentArmijo
from pinn_core.optimizers.last_layer_least_squares import LastLayerLeastSquares
from pinn_core.optimizers.lbfgs import LBFGS
from pinn_core.optimizers.levenberg_marquardt import LevenbergMarquardt
from pinn_core.optimizers.m_config import MConfig
from pinn_core.optimizers.muon import Muon
from pinn_core.optimizers.nncg import NNCG
from pinn_core.optimizers.optimizer import OPTIMIZERS, Optimizer, State, StepContext
from pinn_core.optimizers.soap import Soap
from pinn_core.optimizers.spring import Spring
from pinn_core.optimizers.ssbroyden import SSBroyden
from pinn_core.parts import import_parts

import_parts(__name__, __path__)

__all__ = [
    "LBFGS",
    "NNCG",
    "OPTIMIZERS",
    "Adam",
    "AdamW",
    "GradientDescent",
    "GradientDescentArmijo",
    "LastLayerLeastSquares",
    "LevenbergMarquardt",
    "MConfig",
    "Muon",
    "Optimizer",
    "SSBroyden",
    "Soap",
    "Spring",
    "State",
    "StepContext",
]
