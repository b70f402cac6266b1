"""Draws the first figures of results pages from the tables of these pages.

    python docs/results/figures.py

writes docs/images/results-*.png. The numbers are those of the pages and stand nowhere else.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.plotting import PALETTE, subplots

PAGES = Path(__file__).resolve().parent
IMAGES = PAGES.parent / "images"
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?"
Span = tuple[float, float, float]


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table under the line that begins with `heading`, without that line."""
    lines = (PAGES / page).read_text(encoding="utf-8").splitlines()
    (begin,) = [place for place, line in enumerate(lines) if line.startswith(heading)]
    found = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def span(cell: str) -> Span:
    """Median, least and greatest value of a cell such as `0.11 % [0.06, 0.19]`."""
    middle, low, high = (float(number) for number in re.findall(NUMBER, cell)[:3])
    return middle, low, high


def dots(axis: Axes, names: Sequence[str], spans: Sequence[Span], colour: str, label: str) -> None:
    """One dot for each name, with a line from the least to the greatest value."""
    for place, (middle, low, high) in enumerate(spans):
        axis.plot([low, high], [place, place], color=colour, lw=2, alpha=0.6)
        axis.plot(middle, place, "o", color=colour, label=label if place == 0 else None)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()


def geometry() -> Figure:
    """Errors of the L-shape near its corner and elsewhere, and of the curved boundaries."""
    with subplots(2, height=2.6, width=4.2) as (canvas, (left, right)):
        corner = rows("geometry.md", "| model | error | near the corner")
        names = [row[0].strip("`") for row in corner]
        dots(left, names, [span(row[2]) for row in corner], PALETTE[5], "near the corner")
        left.invert_yaxis()
        dots(left, names, [span(row[3]) for row in corner], PALETTE[4], "elsewhere")
        left.set(title="L-shape", xlabel="relative L2 error", xscale="log")
        left.legend(loc="center")
        curved = rows("geometry.md", "| model | equation and data")
        names = [row[0].strip("`") for row in curved]
        dots(right, names, [span(row[2]) for row in curved], PALETTE[4], "")
        right.set(title="curved boundaries", xlabel="relative L2 error", xscale="log")
    return canvas


def inverse() -> Figure:
    """Relative errors of every coefficient in per cent; crosses are published ones."""
    burgers = rows("inverse.md", "| model | l1 | published")
    rod = rows("inverse.md", "| noise, in parts")
    rates = rows("inverse.md", "| model | D | k")
    found = [(f"Burgers l1, {row[0].split('`')[1]}", row[1], row[2]) for row in burgers]
    found += [(f"Burgers l2, {row[0].split('`')[1]}", row[3], row[4]) for row in burgers]
    found += [(f"conductivity, noise {row[0]}", row[1], "") for row in rod]
    for place, name in ((1, "D"), (2, "k")):
        found += [(f"rate {name}, {row[0].split('`')[1]}", row[place], "") for row in rates]
    with subplots(1, height=3.4, width=6.0) as (canvas, (axis,)):
        names = [name for name, _, _ in found]
        dots(axis, names, [span(cell) for _, cell, _ in found], PALETTE[4], "measured")
        published = [(place, cell) for place, (_, _, cell) in enumerate(found) if cell]
        values = [float(re.findall(NUMBER, cell)[0]) for _, cell in published]
        places = [place for place, _ in published]
        axis.plot(values, places, "x", color=PALETTE[5], label="published")
        axis.set(xlabel="relative error (%)", xscale="log")
        axis.legend()
    return canvas


def plateaus_small() -> Figure:
    """Each seed's steps on the plateau, of both models."""
    seeds = rows("plateaus-small.md", "| seed | pinn: steps")
    with subplots(1, height=2.4, width=5.0) as (canvas, (axis,)):
        for place, (name, column) in enumerate((("PINN", 1), ("regression", 3))):
            lengths = [int(row[column].split()[0]) for row in seeds]
            axis.plot(lengths, [place] * len(lengths), "o", color=PALETTE[4 + place], alpha=0.7)
            axis.text(min(lengths) - 8, place, name, ha="right", va="center")
        axis.set(xlabel="steps on the plateau", xlim=(180, 440), ylim=(1.5, -0.5), yticks=[])
    return canvas


def reproductions() -> Figure:
    """Medians over published numbers, the farthest first, where a row has a published number."""
    page = (PAGES / "reproductions.md").read_text(encoding="utf-8")
    found: list[tuple[str, float]] = []
    for section in page.split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for line in section.splitlines():
            ratio = re.search(rf"within a factor 2 \(ratio ({NUMBER})\)", line) or (
                re.match(rf"\| \S+ \| {NUMBER} \| {NUMBER} \(ratio ({NUMBER})\)", line)
            )
            if ratio:
                found.append((f"{title}, {line.split('|')[1].strip()}", float(ratio[1])))
    found.sort(key=lambda named: max(named[1], 1 / named[1]), reverse=True)
    with subplots(1, height=0.6 + 0.16 * len(found), width=6.6) as (canvas, (axis,)):
        axis.tick_params("y", labelsize=8)
        axis.margins(y=0.02)
        axis.axvspan(0.5, 2.0, color=PALETTE[3], alpha=0.15, lw=0, label="within a factor of 2")
        axis.axvline(1.0, color=PALETTE[3], lw=1)
        axis.plot([ratio for _, ratio in found], range(len(found)), "o", color=PALETTE[4])
        axis.set_yticks(range(len(found)), [name for name, _ in found])
        axis.set(xlabel="measured median / published number", xscale="log", xlim=(0.04, 40))
        names = ["1/20", "1/8", "1/4", "1/2", "1", "2", "4", "10", "30"]
        axis.set_xticks([1 / 20, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 10, 30], names)
        axis.set_xticks([], minor=True)
        axis.invert_yaxis()
        axis.legend(loc="lower right")
    return canvas


def main() -> None:
    """Draw them all."""
    for draw in (geometry, inverse, plateaus_small, reproductions):
        name = draw.__name__.replace("_", "-")
        draw().savefig(IMAGES / f"results-{name}.png", dpi=150)


if __name__ == "__main__":
    main()
