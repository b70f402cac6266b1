"""Aggregations, one file each: how the gradients of the loss terms become one direction."""

from pinn_core.aggregation.aggregation import AGGREGATIONS, Aggregation
from pinn_core.aggregation.cagrad import CAGrad
from pinn_core.aggregation.config import ConFIG
from pinn_core.aggregation.imtl_g import IMTLG
from pinn_core.aggregation.pcgrad import PCGrad
from pinn_core.aggregation.sum import Sum
from pinn_core.aggregation.upgrad import UPGrad

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
