"""Numerical reference solutions for problems without a closed form."""

from pinn_core.solvers.allen_cahn import spectral_allen_cahn
from pinn_core.solvers.burgers import cole_hopf
from pinn_core.solvers.cavity import extrapolated_stream_function, flow, stream_function
from pinn_core.solvers.exponential import etdrk4
from pinn_core.solvers.ginzburg_landau import spectral_ginzburg_landau
from pinn_core.solvers.gray_scott import spectral_gray_scott
from pinn_core.solvers.heat import explicit_heat
from pinn_core.solvers.kdv import spectral_kdv
from pinn_core.solvers.kinetics import react_and_diffuse
from pinn_core.solvers.kuramoto_sivashinsky import spectral_kuramoto_sivashinsky
from pinn_core.solvers.reaction_diffusion import split_reaction_diffusion

__all__ = [
    "cole_hopf",
    "etdrk4",
    "explicit_heat",
    "extrapolated_stream_function",
    "flow",
    "react_and_diffuse",
    "spectral_allen_cahn",
    "spectral_ginzburg_landau",
    "spectral_gray_scott",
    "spectral_kdv",
    "spectral_kuramoto_sivashinsky",
    "split_reaction_diffusion",
    "stream_function",
]
