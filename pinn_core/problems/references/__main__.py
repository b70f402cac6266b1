"""Writes the files of this folder anew (about a minute)."""

from pathlib import Path

import numpy as np

from pinn_core.problems.references import CAVITY
from pinn_core.solvers import extrapolated_stream_function

if __name__ == "__main__":
    psi = extrapolated_stream_function(100.0, 257)[::2, ::2]
    small = psi.astype(np.float32)  # 4e-9 of 0.1: the velocities keep six digits
    np.savez_compressed(Path(__file__).with_name(CAVITY), psi=small)
