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
from analysis.effects.matters import matters_json, what_matters
from analysis.effects.searched import searches
from analysis.expected import judge_expected
from analysis.figures import READING, draw_figures, draw_remedies
from analysis.figures.animation import animate
from analysis.figures.fields import draw_fields
from analysis.figures.front import draw_front
from analysis.figures.outcomes import draw_outcomes
from analysis.front import with_costs
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.outcomes import outcomes, wrong_json
from analysis.ranking import LAST_LOSS, compared_runs
from analysis.remedies import Remedies, compare_remedies
from analysis.report import compared, effects, endings, findings, setting
from analysis.report.citations import citations
from analysis.report.conflicts import conflict_rows
from analysis.report.curves import charts
from analysis.report.explorer import explorer
from analysis.report.headline import by_metric, headline
from analysis.report.page import PAGE, now, written
from analysis.report.unknowns import unknown_rows
from analysis.rules import Expectation, PlateauRule, WrongSolutionRule
from analysis.statistics import per_run
from analysis.unknowns import unknown_values


def write_report(
    data: StudyData,
    directory: str | Path,
    rule: PlateauRule | None = None,
    *,
    metric: Metric = LAST_LOSS,
    missing: Mapping[str, str] | None = None,
    expected: Sequence[Expectation] = (),
    baseline: str | None = None,
    wrong_solution: WrongSolutionRule | None = None,
    animated: bool = False,
    question: str = "",
    draws_at_random: bool = True,
    phase_keys: Sequence[str] = (),
    costs: Mapping[str, float] | None = None,
    cost: str = "",
    reload: int = 0,
) -> Path:
    """Write index.html, claims.json and figures/*.png|pdf into the directory, which is made.

    `metric` is what the search went by, `expected` are published numbers and thresholds to be
    judged, `baseline` the model that the others are compared with as remedies, `wrong_solution`
    what counts as a low loss with one.
    With `animated` the solutions are drawn at every stored step, too (figures/*.gif).
    `question` is what the study is to find out, the page's title.
    `draws_at_random` tells that no draw of the search depended on the values of earlier runs, and
    `phase_keys` are the two hyperparameters of the phase diagram, if not the most important ones.
    `costs` are by run id what each configuration costs, where the search looked for cheap ones,
    too, and `cost` is their name. The page loads itself again every `reload` seconds, if not 0.
    `missing` says of planned runs that are not in `data` why (failed, not run yet). The page is
    written beside and renamed, so that a reader never sees half of it. Returns its path.
    """
    rule, wrong = rule or PlateauRule(), wrong_solution or WrongSolutionRule()
    folder, figures = Path(directory), Path(directory, "figures")
    figures.mkdir(parents=True, exist_ok=True)
    runs = compared_runs(data, metric)
    judged = judge_expected(data, rule, expected)
    remedies = compare_remedies(data, rule, runs, baseline) if baseline else None
    contrast = contrast_of(data.runs.loc[runs], baseline)
    ends = outcomes(data, wrong)
    searched = searches(data, rule, ends, metric, draws_at_random=draws_at_random)
    matters = [what_matters(each, phase_keys) for each in searched]
    table = per_run(data, rule, runs)
    document = as_json(data, rule, table, judged, remedies, baseline)
    document["wrong_solutions"] = wrong_json(ends, wrong)
    document["searches"] = [matters_json(each) for each in matters]
    write_claims(folder / "claims.json", document)
    solutions = draw_fields(
        data,
        figures,
        rule,
        runs,
        models_of(contrast),
        metric=metric,
        baseline=baseline,
    )
    page = PAGE.get_template("template.html.j2").render(
        study=data.name,
        made=now(),
        reload=reload,
        question=question,
        metric=metric,
        headline=headline(
            table,
            contrast,
            judged,
            remedies,
            matters,
            "" if metric.heading == f"final {rule.curve}" else by_metric(data, runs, metric),
        ),
        unequal=unequal_budgets(data, runs),
        expected=compared.expected_rows(judged),
        settings=compared.by_setting(data, rule),
        best=findings.best(data, metric),
        **_front(data, metric, costs or {}, cost, figures, contrast),
        missing=missing or {},
        solutions=solutions,
        animations=animate(solutions.shown, figures) if animated else {},
        citations=list(citations(data.runs, remedies=remedies is not None, searches=bool(matters))),
        **_what_ran(data, rule, runs),
        **_plateaus(data, rule, runs, table, contrast),
        **_remedies(remedies, figures),
        **_ends(ends, wrong, figures, contrast),
        searches=effects.search_parts(matters, figures),
        importances=effects.importance_rows(matters),
        runs_of_search=explorer(data, rule, matters, ends),
        **_curves(data, rule, runs, figures, contrast),
    )
    return written(page, folder / "index.html")


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
    data: StudyData,
    metric: Metric,
    costs: Mapping[str, float],
    cost: str,
    figures: Path,
    contrast: Contrast | None,
) -> dict[str, Any]:
    """What no other configuration beats in metric and cost, where the search asked for both."""
    if not costs:
        return {"front": None, "front_rows": None}
    table = with_costs(data, metric, costs)
    return {
        "front": draw_front(table, str(metric), cost, figures, models_of(contrast)),
        "front_rows": findings.front_rows(table, data.varied, str(metric), cost),
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
