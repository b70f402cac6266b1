"""The coverage in tables, words and a figure, for the page of benchmarks."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.calibration.methods import EARLIER, METHODS, Method
from benchmarks.calibration.samples import BEYOND, SPREAD
from benchmarks.command import Result, Row
from benchmarks.markdown import markdown_table
from benchmarks.plotting import PALETTE, plain_log, saved, subplots

LINES = ("-", ":")
"""One for each time the colours are used up."""
GOAL = 0.935
"""The least coverage of an interval that the report shows."""


def section(result: Result) -> str:
    """The tables in words and numbers, for the page."""
    rows = [row for row in result["rows"] if row["distribution"] != BEYOND]
    return f"""\
Coverage of "95 %" intervals in per cent over the number of seeds, each the worst over normal,
log-normal (sigma 1) and Student's t3 samples and, of two samples, normal ones whose spreads differ
by a factor of {SPREAD:g} (of ratios: log-normal ones). Bold: what the report uses, from five seeds
on; it shows no interval below. The goal is {100 * GOAL:g} % there. Methods by ranks and by order go
in steps: theirs cover more than 95 % where the next step would be below, and five seeds leave for
ranks and medians nothing but the range, which covers 93.75 % exactly. The interval of lengths of
which some are lower bounds covers nearly always where spreads are equal, so that it holds where
they are not. Of log-rank, Wilcoxon's and Mann and Whitney's test of lengths the number is how often
a test at 5 % does not reject the true ratio. Of "no effect at all", which the report asks of the
values of a hyperparameter, the log-rank test is one that keeps its word (last lines).

{markdown_table(list(_worst(rows)))}

What the report uses, by distribution: coverage, and in brackets how often the interval lies wholly
above and wholly below the true number, each a false verdict where that number is the limit.

{markdown_table(list(_in_detail(result["rows"])))}

The last line of each difference is beyond what is promised: where two samples are skewed *and*
their spreads differ, or where the difference of a pair is itself log-normal, means have no interval
that covers at few seeds. That is why the report gives ratios for positive quantities, and the
median for one sample of any.

Bootstrap intervals of the medians of two samples (0.1.0) do well, but a test that holds at the
small levels of a correction for many claims cannot be made of them."""


def _worst(rows: list[Row]) -> Iterator[Row]:
    for method in METHODS:
        of_method = [row for row in rows if _is_of(row, method)]
        mark = "**" if method.used else ""
        yield {
            "statistic": method.statistic.name,
            "method": f"{mark}{method.name}{mark}",
            **{
                str(seeds): _percent(min(covered)) if covered else None
                for seeds, covered in _by_seeds(of_method).items()
            },
        }


def _in_detail(rows: list[Row]) -> Iterator[Row]:
    for method in METHODS:
        for distribution in method.statistic.distributions:
            of_these = [
                row for row in rows if _is_of(row, method) and row["distribution"] == distribution
            ]
            if method.used:
                yield {
                    "statistic": method.statistic.name,
                    "distribution": distribution,
                    **{str(row["seeds"]): _with_sides(row) for row in of_these},
                }


def _is_of(row: Row, method: Method) -> bool:
    return (row["statistic"], row["method"]) == (method.statistic.name, method.name)


def _by_seeds(rows: list[Row]) -> dict[int, list[float]]:
    return {
        seeds: [
            row["coverage"] for row in rows if row["seeds"] == seeds and row["coverage"] is not None
        ]
        for seeds in dict.fromkeys(row["seeds"] for row in rows)
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _with_sides(row: Row) -> str | None:
    if row["coverage"] is None:
        return None
    return " ".join(
        (_percent(row["coverage"]), f"({_percent(row['above'])}, {_percent(row['below'])})")
    )


def figure(result: Result, file: Path) -> None:
    """The worst coverage over the seeds of each statistic: of version 0.1.0, and as it is now."""
    rows = [row for row in result["rows"] if row["distribution"] != BEYOND]
    sides = {
        "version 0.1.0": [method for method in METHODS if method.name.endswith(EARLIER)],
        "the report": [method for method in METHODS if method.used],
    }
    with subplots(2, height=3.8) as (canvas, panels):
        for axis, (title, methods) in zip(panels, sides.items(), strict=True):
            for place, method in enumerate(methods):
                covered = _by_seeds([row for row in rows if _is_of(row, method)])
                known = {seeds: 100 * min(values) for seeds, values in covered.items() if values}
                axis.plot(
                    list(known),
                    list(known.values()),
                    label=method.statistic.name,
                    color=PALETTE[(place + 1) % len(PALETTE)],
                    linestyle=LINES[(place + 1) // len(PALETTE)],
                    marker="o",
                    markersize=3.5,
                )
            axis.axhline(100 * GOAL, color=PALETTE[0], linestyle="--", linewidth=1)
            axis.set(title=title, xlabel="seeds", ylabel="worst coverage (%)", ylim=(60, 101))
            plain_log(axis, "x")
        canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        saved(canvas, file)
