"""The report: one HTML page that needs no other file; figures and claims lie beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis.budgets import unequal_budgets
from analysis.claims import as_json, note_on_losses, readings, write_claims
from analysis.comparison import PARTS, comparison_table
from analysis.conditioning import conditions
from analysis.contrast import Contrast, contrast_of, models_of
from analysis.effects.matters import Matters, matters_json, what_matters
from analysis.effects.searched import searches
from analysis.expected import Judged, judge_expected
from analysis.explanations.explained import Explanations, explain, explanations_json
from analysis.explanations.lead import PERMUTATIONS
from analysis.figures import READING, draw_figures, draw_remedies
from analysis.figures.animation import animate
from analysis.figures.explanations import draw_explanations
from analysis.figures.fields import draw_fields
from analysis.figures.front import draw_front
from analysis.figures.outcomes import draw_outcomes
from analysis.figures.printing import beside
from analysis.front import with_costs
from analysis.load import StudyData
from analysis.metric import FINAL
from analysis.outcomes import outcomes, wrong_json
from analysis.ranking import compared_runs
from analysis.remedies import Remedies, compare_remedies
from analysis.report import compared, effects, endings, explanations, findings, setting
from analysis.report.asked import Asked
from analysis.report.citations import citations
from analysis.report.conflicts import conflict_rows
from analysis.report.curves import charts
from analysis.report.explorer import explorer
from analysis.report.headline import by_metric, headline
from analysis.report.page import PAGE, now, written
from analysis.report.unknowns import unknown_rows
from analysis.rules import PlateauRule, WrongSolutionRule
from analysis.statistics import per_run
from analysis.unknowns import unknown_values


def write_report(
    data: StudyData,
    directory: str | Path,
    asked: Asked | None = None,
    *,
    missing: Mapping[str, str] | None = None,
    animated: bool = False,
    reload: int = 0,
) -> Path:
    """Write index.html, claims.json and figures/*.png|pdf into the directory, which is made.

    `missing` says of planned runs that are not in `data` why (failed, not run yet).
    With `animated` the solutions are drawn at every stored step, too (figures/*.gif). The page
    loads itself again every `reload` seconds, if not 0. It is written beside and renamed, so that a
    reader never sees half of it. Returns its path.
    """
    folder, figures = Path(directory), Path(directory, "figures")
    figures.mkdir(parents=True, exist_ok=True)
    with beside():
        parts, document = _parts(data, figures, asked or Asked(), animated=animated)
    write_claims(folder / "claims.json", document)
    page = PAGE.get_template("template.html.j2").render(
        study=data.name, made=now(), reload=reload, missing=missing or {}, **parts
    )
    return written(page, folder / "index.html")


def _parts(
    data: StudyData, figures: Path, asked: Asked, *, animated: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page shows and what claims.json says; figures that need no analysis come first."""
    rule, metric, wrong = asked.rule, asked.metric, asked.wrong_solution
    runs = compared_runs(data, metric)
    contrast = contrast_of(data.runs.loc[runs], asked.baseline)
    drawn = _solutions(data, asked, runs, figures, contrast, animated=animated)
    drawn |= _curves(data, rule, runs, figures, contrast)
    table = per_run(data, rule, runs)
    judged = judge_expected(data, rule, asked.expected)
    remedies = compare_remedies(data, rule, runs, asked.baseline, asked.level)
    ends = outcomes(data, wrong)
    searched = searches(data, rule, ends, metric, draws_at_random=asked.draws_at_random)
    matters = [what_matters(each, asked.phase_keys) for each in searched]
    explained = explain(data, rule, runs, asked.explanations, remedies)
    drawn |= {
        **_front(data, asked, figures, contrast),
        **_remedies(remedies, figures),
        **_explanations(explained, figures, contrast),
        **_ends(ends, wrong, figures, contrast),
        "searches": effects.search_parts(matters, figures),
    }
    told = {
        "question": asked.question,
        "metric": metric,
        "headline": _headline(data, asked, table, contrast, judged, remedies, matters),
        "unequal": unequal_budgets(data, runs),
        "expected": compared.expected_rows(judged),
        "settings": compared.by_setting(data, rule),
        "best": findings.best(data, metric),
        "citations": list(
            citations(data.runs, remedies=remedies is not None, searches=bool(matters))
        ),
        **_what_ran(data, rule, runs),
        **_plateaus(data, rule, runs, table, contrast),
        "importances": effects.importance_rows(matters),
        "runs_of_search": explorer(data, rule, matters, ends),
    }
    document = as_json(data, rule, table, judged, remedies, asked.baseline) | {
        "wrong_solutions": wrong_json(ends, wrong),
        "explanations": explanations_json(explained) if explained else None,
        "searches": [matters_json(each) for each in matters],
    }
    return drawn | told, document


def _headline(
    data: StudyData,
    asked: Asked,
    table: pd.DataFrame,
    contrast: Contrast | None,
    judged: Sequence[Judged],
    remedies: Remedies | None,
    matters: Sequence[Matters],
) -> str:
    """The result in a few sentences; of the curve's last value those on plateaus say enough."""
    plain = (asked.metric.kind, asked.metric.column) == (FINAL, asked.rule.curve)
    ranked = "" if plain else by_metric(data, list(table.index), asked.metric)
    return headline(table, contrast, judged, remedies, matters, ranked)


def _solutions(
    data: StudyData,
    asked: Asked,
    runs: Sequence[str],
    figures: Path,
    contrast: Contrast | None,
    *,
    animated: bool,
) -> dict[str, Any]:
    """Pictures of the solutions, and if asked how they were learned."""
    models, metric = models_of(contrast), asked.metric
    solutions = draw_fields(
        data, figures, asked.rule, runs, models, metric=metric, baseline=asked.baseline
    )
    animations = animate(solutions.shown, figures) if animated else {}
    return {"solutions": solutions, "animations": animations}


def _what_ran(data: StudyData, rule: PlateauRule, runs: Sequence[str]) -> dict[str, Any]:
    """Which runs there are, of which settings, and which of them did not come to their end."""
    return {
        "runs": setting.runs_by_model(data),
        "circumstances": setting.circumstances(data, rule),
        "configurations": setting.configurations(data, runs),
        "diverged": setting.diverged(data),
        "stopped": setting.stopped(data),
        "pruned": setting.pruned(data),
        "versions": setting.versions(data),
    }


def _plateaus(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    table: pd.DataFrame,
    contrast: Contrast | None,
) -> dict[str, Any]:
    """The claims, each model's plateau and what is measured in it and after it."""
    papers = contrast if contrast and contrast.is_papers else None
    claims = findings.claim_rows(table, papers) if papers else []
    by_reading = readings(data, rule, runs)
    return {
        "claims": claims,
        "tally": findings.tally(claims),
        "note": note_on_losses(data, rule),
        "readings": findings.reading_rows(by_reading, rule, contrast),
        "lengths": findings.lengths_by_seed(by_reading, rule),
        "comparison": comparison_table(table, contrast),
        "parts": PARTS,
        "unknowns": unknown_rows(unknown_values(data, rule, runs)),
        "conflicts": conflict_rows(data, runs),
        "conditions": endings.condition_rows(conditions(data, runs)),
    }


def _remedies(remedies: Remedies | None, figures: Path) -> dict[str, Any]:
    """The comparison with a baseline, where the study names one."""
    return {
        "remedies": compared.remedy_rows(remedies) if remedies else None,
        "remedies_in_words": compared.remedies_in_words(remedies) if remedies else "",
        "remedies_figure": draw_remedies(remedies, figures) if remedies else None,
    }


def _explanations(
    found: Explanations | None, figures: Path, contrast: Contrast | None
) -> dict[str, Any]:
    """What moves before the plateau ends, where probes or the study's file name columns."""
    if found is None:
        return {"explanations": None}
    return {
        "explanations": {
            "words": explanations.leads_in_words(found),
            "figure": draw_explanations(found, figures, models_of(contrast)),
            "leads": explanations.lead_rows(found),
            "foretold_words": explanations.foretold_in_words(found),
            "foretold": explanations.foretold_rows(found),
            "remedies": bool(found.interventions),
            "permutations": PERMUTATIONS,
        }
    }


def _ends(
    ends: pd.DataFrame, wrong: WrongSolutionRule, figures: Path, contrast: Contrast | None
) -> dict[str, Any]:
    """Loss against error at the end of every run, and the low losses with a wrong solution."""
    return {
        "loss_error": draw_outcomes(ends, wrong, figures, models_of(contrast)),
        "wrong_in_words": endings.wrong_in_words(ends, wrong),
        "wrong_by_model": endings.wrong_by_model(ends),
        "wrong_runs": endings.wrong_runs(ends),
    }


def _front(
    data: StudyData, asked: Asked, figures: Path, contrast: Contrast | None
) -> dict[str, Any]:
    """What no other configuration beats in metric and cost, where the search asked for both."""
    if not asked.costs:
        return {"front": None, "front_rows": None}
    table, metric = with_costs(data, asked.metric, asked.costs), str(asked.metric)
    return {
        "front": draw_front(table, metric, asked.cost, figures, models_of(contrast)),
        "front_rows": findings.front_rows(table, data.varied, metric, asked.cost),
    }


def _curves(
    data: StudyData,
    rule: PlateauRule,
    runs: Sequence[str],
    figures: Path,
    contrast: Contrast | None,
) -> dict[str, Any]:
    """The figures on the page, those that move among them, and how they are read."""
    return {
        "figures": draw_figures(data, figures, rule, runs, models_of(contrast)),
        "reading": READING,
        "charts": charts(data, rule, runs, models_of(contrast)),
        "plotly": Markup(get_plotlyjs()),
    }
