"""Loss weightings, one file each."""

from pinn_core.weighting.fixed import Fixed
from pinn_core.weighting.weighting import WEIGHTINGS, View, Weighting

__all__ = ["WEIGHTINGS", "Fixed", "View", "Weighting"]
