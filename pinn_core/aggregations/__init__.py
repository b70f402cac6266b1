"""Aggregations, one file each: how the gradients of the loss terms become one direction."""

from pinn_core.aggregations.aggregation import AGGREGATIONS, Aggregation
from pinn_core.aggregations.cagrad import CAGrad
from pinn_core.aggregations.config import ConFIG
from pinn_core.aggregations.imtl_g import IMTLG
from pinn_core.aggregations.pcgrad import PCGrad
from pinn_core.aggregations.sum import Sum
from pinn_core.aggregations.upgrad import UPGrad
from pinn_core.parts import import_parts

import_parts(__name__, __path__)

__all__ = [
    "AGGREGATIONS",
    "IMTLG",
    "Aggregation",
    "CAGrad",
    "ConFIG",
    "PCGrad",
    "Sum",
    "UPGrad",
]
