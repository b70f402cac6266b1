"""How MLflow's page of a study's runs looks when it is opened: its columns, order and charts.

MLflow keeps such a view, which its button *Share* makes, as a tag of the experiment, under a key
that an address may name.
"""

import json
from typing import Any

from analysis.metric import Metric
from sweeps.study.study import Study

KEY = "pinn-sweeps"
TAG = f"mlflow.sharedViewState.{KEY}"
CURVES = ("loss/total", "loss/regression", "error/relative_l2", "gradient/cosine")
"""What is drawn beside the study's metric, where runs have it."""

CURVES_TOGETHER = 20
"""Of so many runs the curves are drawn in one chart."""


def page(experiment_id: str) -> str:
    """The page in MLflow's site, below the site's address."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={KEY}"


def view(study: Study) -> str:
    """The view of a study's runs, as JSON: by the last value of what its search looks at."""
    column = Metric.read(study.search.metric).column
    metric = f"final.{column}"
    varied = sorted({key for model in study.models.values() for key in model.space})
    shown = {
        "tags": ["model", "stage"],
        "params": [*varied, "seed"],
        "metrics": [metric, "plateau.length", "final.work/evaluations"],
    }
    charts = [_curve(name) for name in dict.fromkeys([column, *CURVES])]
    if varied:
        charts.append(_settings(varied, metric))
    return json.dumps(
        {
            "orderByKey": f"metrics.`{metric}`",
            "orderByAsc": study.search.direction == "minimize",
            "selectedColumns": [
                f"{kind}.`{name}`" for kind, names in shown.items() for name in names
            ],
            "compareRunCharts": charts,
            "compareRunSections": [_section("curves"), _section("settings")],
            "runsHiddenMode": "FIRST_20_RUNS",
        }
    )


def _section(name: str) -> dict[str, Any]:
    return {
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": False,
        "deleted": False,
        "isGenerated": False,
    }


def _card(uuid: str, section: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """What every chart has."""
    common = {"uuid": uuid, "metricSectionId": section, "deleted": False, "isGenerated": False}
    return {**common, "runsCountToCompare": CURVES_TOGETHER, **more}


def _curve(name: str) -> dict[str, Any]:
    """A column over the steps, both axes as the report has them."""
    return _card(
        f"curve {name}",
        "curves",
        type="LINE",
        metricKey=name,
        selectedMetricKeys=[name],
        displayName=name,
        lineSmoothness=0,
        xAxisKey="step",
        xAxisScaleType="linear",
        scaleType="linear" if "cosine" in name else "log",
        range={},
        yAxisKey="metric",
        yAxisExpressions=[],
        ignoreOutliers=False,
        useGlobalXaxisKey=True,
        useGlobalLineSmoothing=True,
        selectedXAxisMetricKey="",
    )


def _settings(varied: list[str], metric: str) -> dict[str, Any]:
    """A line for each run through what was varied and what came out."""
    return _card(
        "settings",
        "settings",
        type="PARALLEL",
        selectedParams=varied,
        selectedMetrics=[metric],
        showAllRuns=False,
    )
