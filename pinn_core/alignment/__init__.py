"""Alignments, one file each: what becomes of an update that conflicts with a loss term."""

from pinn_core.alignment.alignment import ALIGNMENTS, Alignment, Preconditioned, Proposal
from pinn_core.alignment.gua import GUA
from pinn_core.alignment.none import Unaligned

__all__ = ["ALIGNMENTS", "GUA", "Alignment", "Preconditioned", "Proposal", "Unaligned"]
