"""When something is due: the one rule."""

import sys
from dataclasses import dataclass

NEVER = sys.maxsize
"""Later than any step."""


@dataclass(frozen=True)
class Cadence:
    """Due at step 0 and after ``every`` so many steps; 0: never.

    >>> list(Cadence(4).steps(10)), Cadence(4).due(8), Cadence(4).row(8), list(Cadence(0).steps(10))
    ([0, 4, 8], True, 2, [])
    """

    every: int

    def due(self, step: int) -> bool:
        """Whether it is due at this step."""
        return self.every > 0 and step % self.every == 0

    def next(self, step: int) -> int:
        """The first due step after this one, ``NEVER`` if there is none."""
        return step - step % self.every + self.every if self.every else NEVER

    def steps(self, rows: int) -> range:
        """The due ones of the steps 0 to rows - 1."""
        return range(0, rows, self.every) if self.every else range(0)

    def row(self, step: int) -> int:
        """The row of a due step in a table that has rows for due steps alone."""
        return step // self.every
