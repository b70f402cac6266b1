"""Domains and the parts of their boundaries: boxes, and shapes of the plane, with or without time.

>>> plate = Box((0.0, 0.0), (2.0, 1.0)) - Disc((1.0, 0.5), 0.25, "hole")
>>> list(plate.parts)
['bottom', 'right', 'top', 'left', 'hole']
>>> round(plate.measure, 6), round(plate.part("hole").measure, 6)
(1.80365, 1.570796)
"""

from pinn_core.geometry.boundary_part import BoundaryPart
from pinn_core.geometry.box import Box
from pinn_core.geometry.disc import Disc
from pinn_core.geometry.operations import difference, intersection, union
from pinn_core.geometry.over import Over
from pinn_core.geometry.polygon import Polygon
from pinn_core.geometry.region import Region
from pinn_core.geometry.shape import Shape
from pinn_core.geometry.words import in_words

__all__ = [
    "BoundaryPart",
    "Box",
    "Disc",
    "Over",
    "Polygon",
    "Region",
    "Shape",
    "difference",
    "in_words",
    "intersection",
    "union",
]
