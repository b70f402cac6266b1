"""Loss weightings, one file each."""

from pinn_core.weighting.fixed import Fixed
from pinn_core.weighting.weighting import WEIGHTINGS, Weighting

__all__ = ["WEIGHTINGS", "Fixed", "Weighting"]
