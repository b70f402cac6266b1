"""Alignments, one file each: what becomes of an update that conflicts with a loss term."""

from pinn_core.alignments.alignment import ALIGNMENTS, Alignment, Proposal
from pinn_core.alignments.gua import GUA
from pinn_core.alignments.none import Unaligned
from pinn_core.parts import import_parts

import_parts(__name__, __path__)

__all__ = ["ALIGNMENTS", "GUA", "Alignment", "Proposal", "Unaligned"]
