"""What was run: models, seeds, machine, configurations, versions, and what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from analysis.load import StudyData, stopped_early
from analysis.report.rows import Rows, one_or_all, text
from analysis.rules import PlateauRule
from analysis.stops import stops
from analysis.wording import NONE, duration, model_name, number

FEW = 4  # models whose configurations stand side by side
TOOLS = ("pandas", "scipy", "matplotlib", "plotly")
UNITS = {"ln": "in natural logarithms", "relative": "of its value", "absolute": "in its own unit"}


def runs_by_model(data: StudyData) -> Rows:
    """How many runs of each model there are, and what they cost."""
    cells = []
    for model, runs in data.runs.groupby("model", sort=False):
        rerun = runs["stage"] == "rerun"
        seeds = runs.loc[rerun, "seed"]
        cells.append(
            (
                model_name(model),
                str((~rerun).sum()),
                str(rerun.sum()),
                f"{seeds.min()} to {seeds.max()}" if len(seeds) else NONE,
                one_or_all(runs["steps"]),
                str(runs["diverged_at"].count()),
                duration(float(runs["seconds"].sum())),
            )
        )
    header = ("model", "search runs", "reruns", "seeds", "steps", "diverged", "training time")
    return Rows(header, cells)


def circumstances(data: StudyData, rule: PlateauRule) -> list[tuple[str, str]]:
    """Machine, time and the plateau's definition, each with its heading."""
    runs = data.runs
    finished = runs["started"] + runs["seconds"] * runs["pack_size"]
    smoothing = " and then ".join(str(span) for span in rule.spans)
    return [
        (
            "machine",
            f"{one_or_all(runs.get('environment.processor', []))}; device "
            f"{one_or_all(runs['device'])}; runs per pack: {one_or_all(runs['pack_size'])}",
        ),
        (
            "time",
            f"{duration(float(runs['seconds'].sum()))} of training, packs counted one after the "
            f"other; from {_moment(runs['started'].min())} to {_moment(finished.max())}",
        ),
        (
            "plateau",
            f"{rule.curve}, smoothed by moving averages of span {smoothing}: the first contiguous "
            f"steps from which it falls by at most {rule.drop:g} {UNITS[rule.scale]} within "
            f"{rule.window} steps",
        ),
    ]


def configurations(data: StudyData, runs: Sequence[str]) -> Rows:
    """The configurations of the compared runs, model beside model.

    Of more than FEW models there are the values that most have, and what each has otherwise.
    """
    compared = data.runs.loc[list(runs)].dropna(axis="columns", how="all")
    models = dict(iter(compared.groupby("model", sort=False)))
    rows = {
        key: [one_or_all(of_model[key]) for of_model in models.values()]
        for key in map(str, compared)
        if key == "precision" or ("." in key and not key.startswith("environment."))
    }
    if len(models) <= FEW:
        return Rows(("key", *map(model_name, models)), [(key, *row) for key, row in rows.items()])
    usual = {key: Counter(row).most_common(1)[0][0] for key, row in rows.items()}
    cells = [("most", _settings(usual))]
    for place, model in enumerate(models):
        other = {key: row[place] for key, row in rows.items() if row[place] != usual[key]}
        cells.append((model_name(model), _settings(other) or "as most"))
    return Rows(("model", "configuration"), cells)


def _settings(values: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())


def diverged(data: StudyData) -> Rows:
    """The runs whose numbers ceased to be finite."""
    runs = data.runs[data.runs["diverged_at"].notna()].reset_index()
    columns = ["run_id", "model", "stage", "seed", "diverged_at", "setting"]
    cells = [tuple(map(text, row)) for row in runs[columns].itertuples(index=False)]
    return Rows(("run", "model", "stage", "seed", "at step", "varied"), cells)


def stopped(data: StudyData) -> Rows:
    """Why and when optimizers stopped for good; a row for each model and reason."""
    found = stops(data).fillna({"reason": "ran to the end"})
    cells = [
        (
            model_name(model),
            str(reason),
            str(each["run_id"].nunique()),
            number(float(each["step"].median())),
        )
        for (model, reason), each in found.groupby(["model", "reason"], sort=False)
    ]
    return Rows(("model", "reason", "runs", "median step"), cells)


def pruned(data: StudyData) -> Rows:
    """The search runs that were stopped early."""
    runs = data.runs[stopped_early(data.runs)].reset_index()
    if runs.empty:
        return Rows((), [])
    columns = ["run_id", "model", "seed", "pruned_at", "setting"]
    cells = [tuple(map(text, row)) for row in runs[columns].itertuples(index=False)]
    return Rows(("run", "model", "seed", "at step", "varied"), cells)


def versions(data: StudyData) -> list[tuple[str, str]]:
    """What the runs were made with, and what this report was made with."""
    keys = [key for key in map(str, data.runs) if key.startswith("environment.")]
    made = [(key.removeprefix("environment."), one_or_all(data.runs[key])) for key in keys]
    return [*made, *((f"{tool} (this report)", version(tool)) for tool in TOOLS)]


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
