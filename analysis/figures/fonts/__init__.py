"""The fonts of the figures: DejaVu Sans with the letters that figures use, and no others.

A PDF embeds the letters that it needs. Cutting them out of the whole font takes longer than drawing
most figures; cutting them out of these files does not. A letter that is missing here is taken from
matplotlib's own DejaVu Sans. ``make`` makes the files anew.
"""

from pathlib import Path

from matplotlib.font_manager import fontManager

FAMILY = "DejaVu Sans Core"


def register() -> None:
    """Let matplotlib know the family."""
    for file in sorted(Path(__file__).parent.glob("*.ttf")):
        fontManager.addfont(file)
