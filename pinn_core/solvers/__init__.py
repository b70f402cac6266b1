"""Numerical reference solutions for problems without a closed form."""

from pinn_core.solvers.allen_cahn import spectral_allen_cahn
from pinn_core.solvers.burgers import cole_hopf
from pinn_core.solvers.cavity import extrapolated_stream_function, flow, stream_function
from pinn_core.solvers.exponential import etdrk4
from pinn_core.solvers.heat import explicit_heat
from pinn_core.solvers.kinetics import react_and_diffuse
from pinn_core.solvers.reaction_diffusion import split_reaction_diffusion

__all__ = [
    "cole_hopf",
    "etdrk4",
    "explicit_heat",
    "extrapolated_stream_function",
    "flow",
    "react_and_diffuse",
    "spectral_allen_cahn",
    "split_reaction_diffusion",
    "stream_function",
]
