"""What was asked for beside what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.command import shown
from benchmarks.markdown import markdown_table


@dataclass(frozen=True)
class Target:
    """A number asked for, ``at_least`` or at most, and the one measured (None: it was not).

    ``span`` says where comparable cases lie.
    """

    what: str
    wanted: float
    measured: float | None
    at_least: bool = True
    span: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted


ANSWERS = {True: "yes", False: "no", None: None}


def targets_table(targets: Sequence[Target]) -> str:
    """Targets as a Markdown table."""
    rows = [
        {
            "target": target.what,
            "wanted": f"{'at least' if target.at_least else 'at most'} {shown(target.wanted)}",
            "measured": target.measured,
            "over all cases": target.span,
            "met": ANSWERS[target.met],
        }
        for target in targets
    ]
    return markdown_table(rows)
