"""The figures' letters: DejaVu Sans, which comes with matplotlib, without the scripts of no figure.

Every PDF holds the letters that it needs; to take them out of the whole font costs more than most
figures do. Letters that are not here are taken from there. ``make`` cuts the files anew.
"""

from pathlib import Path

from matplotlib.font_manager import fontManager

FAMILY = "DejaVu Sans Core"


def register() -> None:
    """Let matplotlib know the family."""
    for file in sorted(Path(__file__).parent.glob("*.ttf")):
        fontManager.addfont(file)
