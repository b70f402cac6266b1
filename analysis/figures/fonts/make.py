"""Cut the fonts of the figures out of matplotlib's: ``python -m analysis.figures.fonts.make``."""

from itertools import chain
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib import get_data_path

from analysis.figures.fonts import FAMILY

LETTERS = (
    (0x20, 0x7E),  # ASCII
    (0xA0, 0x17F),  # Latin
    (0x391, 0x3C9),  # Greek
    (0x2010, 0x2044),  # punctuation
    (0x2070, 0x209C),  # raised and lowered digits
    (0x2190, 0x2199),  # arrows
    (0x2200, 0x2265),  # mathematics
    (0x25A0, 0x25CF),  # marks
    (0x2713, 0x2717),
)
"""First and last code point of each range."""
SHAPING = ["GSUB", "GPOS", "GDEF"]
"""Tables for scripts that need more than a letter after the other."""


def make(folder: Path) -> None:
    """Write the regular and the bold font."""
    for style, weight in (("DejaVuSans", ""), ("DejaVuSans-Bold", " Bold")):
        font = TTFont(Path(get_data_path(), "fonts", "ttf", f"{style}.ttf"), recalcTimestamp=False)
        options = Options(layout_features=[], name_IDs=["*"], legacy_kern=True)
        options.drop_tables += SHAPING
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=chain(*(range(low, high + 1) for low, high in LETTERS)))
        subsetter.subset(font)
        names = {1: FAMILY, 16: FAMILY, 4: FAMILY + weight, 6: f"{style}-Core"}
        for record in font["name"].names:
            record.string = names.get(record.nameID, record.string)
        font.save(folder / f"{style}-Core.ttf")


if __name__ == "__main__":
    make(Path(__file__).parent)
