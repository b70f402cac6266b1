"""The comparison table: every metric inside the plateau and after it, model beside model.

The same rows go to the terminal (`to_rich`) and into the report.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from analysis.censored import Median
from analysis.contrast import Contrast
from analysis.early_ends import early_ends, ended_early
from analysis.estimates import SEEDS
from analysis.statistics import LENGTH, compare_difference, compare_ratio, over_seeds
from analysis.wording import NONE, count, model_name, plus_minus

Summary = Mapping[Hashable, Mapping[Hashable, Any]]  # of (model, quantity): mean, sd, ...

PARTS = {"inside": "in plateau", "after": "after it"}

# Words, unit, and the quantity (of `statistics.per_run`) of each part that has it.
ROWS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("plateau begins", "step", {"inside": "plateau.start"}),
    ("plateau lasts", "steps", {"inside": "plateau.length"}),
    *(
        (words, unit, {part: f"{part}.{quantity}" for part in PARTS})
        for words, unit, quantity in (
            ("regression loss", "u²", "mean.loss/regression"),
            ("differential loss", "residual²", "mean.loss/residual"),
            ("boundary loss", "u²", "mean.loss/boundary"),
            ("update length", "parameter units", "mean.update/norm"),
            ("cosine of updates", "", "mean.update/cosine"),
            ("  sd within a run", "", "sd.update/cosine"),
            ("distance", "parameter units", "distance"),
            ("distance per step", "parameter units", "distance_per_step"),
            ("gradient cosine", "", "mean.gradient/cosine"),
            ("  sd within a run", "", "sd.gradient/cosine"),
        )
    ),
    ("final loss", "regression, u²", {"after": "final.loss/regression"}),
    ("final error", "relative L2", {"after": "final.error/relative_l2"}),
)


FEW = 2  # models that have columns of their own on a screen of 80
TURNED = ("plateau begins", "plateau lasts", "final loss", "final error")


@dataclass(frozen=True)
class Row:
    """A metric: its cells by model and part, and the p-value of no difference in the plateau.

    That is of a ratio of 1, or of a difference of 0 where there is no ratio; not corrected.
    """

    words: str
    unit: str
    cells: dict[tuple[str, str], str]
    test: str

    @property
    def shown(self) -> list[str]:
        """The parts of which any model has a number."""
        return [
            part
            for part in PARTS
            if any(cell != NONE for (_, of), cell in self.cells.items() if of == part)
        ]


@dataclass(frozen=True)
class ComparisonTable:
    """Rows of means ± standard deviations over seeds; `caption` says what the cells are."""

    models: tuple[str, ...]
    rows: tuple[Row, ...]
    caption: str

    @property
    def tested(self) -> bool:
        """Whether there is a test to show: a pair that the study compares, enough seeds."""
        return any(row.test != NONE for row in self.rows)

    def to_rich(self) -> Table:
        """For the terminal: columns for two models, of more a line each."""
        table = Table(
            title="Mean ± standard deviation over seeds",
            caption=Text(self.caption),
            box=box.SIMPLE_HEAD,
            show_edge=False,
            padding=(0, 1, 0, 0),
            title_justify="left",
            caption_justify="left",
        )
        table.add_column()
        if len(self.models) > FEW:
            return self._turned(table)
        for model in self.models:
            for part in PARTS.values():
                heading = Text(f"{model_name(model)}\n{part}")
                table.add_column(heading, justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(row.words, *row.cells.values())
        return table

    def _turned(self, table: Table) -> Table:
        """The table with a line for each model, and the few columns that there is room for."""
        shown = [
            (row, part)
            for row in self.rows
            for part in PARTS
            if row.words in TURNED and any(row.cells[model, part] != NONE for model in self.models)
        ]
        for row, _ in shown:
            table.add_column(row.words, justify="right")
        for model in self.models:
            cells = (row.cells[model, part] for row, part in shown)
            table.add_row(Text(model_name(model)), *cells)
        return table


def comparison_table(table: pd.DataFrame, contrast: Contrast | None) -> ComparisonTable:
    """The comparison of the runs of a table of `statistics.per_run`; empty rows are absent.

    The tests are of the pair of models that the study compares. Runs that ended too early for a
    plateau to be seen are only counted.
    """
    models = tuple(str(model) for model in table["model"].unique())
    early = ended_early(table)
    seen = table[~early]
    summary = {} if seen.empty else over_seeds(seen).to_dict("index")
    rows = [_row(seen, contrast, summary, models, *entry) for entry in ROWS] if summary else []
    stayed = table.assign(**{"plateau.censored": table["plateau.censored"].mask(early, 0.0)})
    caption = " ".join(filter(None, (_caption(stayed, models), early_ends(table))))
    return ComparisonTable(models, tuple(row for row in rows if row), caption)


def _row(
    table: pd.DataFrame,
    contrast: Contrast | None,
    summary: Summary,
    models: tuple[str, ...],
    words: str,
    unit: str,
    quantities: dict[str, str],
) -> Row | None:
    cells = {
        (model, part): _cell(summary, model, quantities.get(part))
        for model in models
        for part in PARTS
    }
    if set(cells.values()) == {NONE}:
        return None
    inside = quantities.get("inside")
    test = _p_of_no_difference(table, inside, contrast) if inside and contrast else NONE
    return Row(words, unit, cells, test)


def _p_of_no_difference(table: pd.DataFrame, quantity: str, contrast: Contrast) -> str:
    """Of a ratio of 1, or of a difference of 0; a dash with too few seeds."""
    for found, limit in (
        (compare_ratio(table, quantity, *contrast.models).estimate, 1.0),
        (compare_difference(table, quantity, *contrast.models).estimate, 0.0),
    ):
        if found is not None:
            return f"{found.p(limit):.2g}" if found.seeds >= SEEDS else NONE
    return NONE


def _cell(summary: Summary, model: str, quantity: str | None) -> str:
    found = summary.get((model, quantity))
    if found is None:
        return NONE
    if quantity == LENGTH and found["censored"]:
        return f"median {Median(found['median'], found['at_least'])}"
    return plus_minus(found["mean"], found["sd"])


def _caption(table: pd.DataFrame, models: tuple[str, ...]) -> str:
    stayed = {model: table.loc[table["model"] == model, "plateau.censored"] for model in models}
    names = {model: model_name(model) for model in models}
    counts = {model: count(len(stayed[model]), "run") for model in models}
    alike = len(models) > FEW and len(set(counts.values())) == 1
    runs = (
        f"{counts[models[0]]} of each model"
        if alike
        else ", ".join(f"{names[model]} {counts[model]}" for model in models)
    )
    bounds = ", ".join(
        f"{names[model]} {of_model.sum():.0f} of {len(of_model)}"
        for model, of_model in stayed.items()
        if of_model.any()
    )
    lower = (
        f" {bounds} ended in the plateau, which makes its length a lower bound: medians are Kaplan "
        "and Meier's."
    )
    return f"{runs}.{lower if bounds else ''}"
