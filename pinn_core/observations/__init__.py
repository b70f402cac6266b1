"""Observed values of a problem's solution, which become loss terms."""

from pinn_core.observations.observations import Observations
from pinn_core.observations.table import DataError, Table

__all__ = ["DataError", "Observations", "Table"]
