"""What networks are given of the coordinates, one file each."""

from pinn_core.inputs.fourier import Fourier
from pinn_core.inputs.inputs import INPUTS, Inputs
from pinn_core.inputs.periodic import Periodic
from pinn_core.inputs.raw import Raw
from pinn_core.inputs.scaled import Scaled
from pinn_core.parts import import_parts

import_parts(__name__, __path__)

__all__ = ["INPUTS", "Fourier", "Inputs", "Periodic", "Raw", "Scaled"]
