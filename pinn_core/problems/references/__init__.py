"""Numerical solutions that take long, kept as files; `python -m pinn_core.problems.references`."""

from functools import lru_cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from pinn_core.solvers import extrapolated_stream_function

CAVITY = "cavity_re100.npz"
"""psi at 129 x 129 points, Re = 100: every second one of 257 x 257, extrapolated from 129 x 129."""


@lru_cache(maxsize=8)
def cavity_psi(re: float) -> Float[ndarray, "n n"]:
    """The stream function of the lid-driven cavity, indexed [x, y]: from the file, or solved for.

    The file's extrema of u and v on the middle lines are within 2e-5 of the literature's.
    """
    if re != 100.0:
        return extrapolated_stream_function(re)
    with files(__name__).joinpath(CAVITY).open("rb") as file, np.load(file) as data:
        return np.asarray(data["psi"], dtype=np.float64)
