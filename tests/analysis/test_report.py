"""The report page: what it says, and that it needs nothing but itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from analysis.contrast import contrast_of
from analysis.figures import FIGURES
from analysis.figures.catalogue import losses
from analysis.load import StudyData
from analysis.metric import Metric
from analysis.ranking import LAST_LOSS
from analysis.report import compared, findings, setting, write_report
from analysis.report.asked import Asked
from analysis.report.citations import citations
from analysis.report.curves import CURVES, POINTS, charts
from analysis.report.headline import by_metric, headline
from analysis.rules import Expectation, PlateauRule
from analysis.statistics import per_run

Study = Callable[..., StudyData]
RULE = PlateauRule()
EVIL = "<script>alert('x')</script>"


class Page(HTMLParser):
    """What a page shows as text, and everything it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.tags, self.links = "", list[str](), list[str]()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["script"] and self.tags[-1:] != ["style"]:
            self.text += data


@pytest.fixture(scope="module")
def report(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on six seeds, one run diverged; three runs of a search; two of six figures."""
    folder = tmp_path_factory.mktemp("runs") / "rest" / "report"
    data = searched(study("pinn", "regression", seeds=6, diverged_at=60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.figures.FIGURES", FIGURES[:2])
        missing = {"0123456789abcdef": "failed: out of memory"}
        return write_report(data, folder, Asked(rule=RULE), missing=missing)


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    return Page(report)


def searched(data: StudyData) -> StudyData:
    """The study, its PINN's reruns being of the best of three that a search tried."""
    found = data.runs.iloc[[1, 2, 3]].assign(
        stage="search", **{"network.width": [64, 32, 128]}, setting=["w=64", "w=32", "w=128"]
    )
    found.index = pd.Index([f"{run_id}s" for run_id in found.index], name="run_id")
    reruns = data.runs.assign(setting=["w=64" if m == "pinn" else "" for m in data.runs["model"]])

    def read(run_id: str) -> pd.DataFrame:
        worse = {"1": 1.0, "2": 2.0, "3": 3.0}.get(run_id[-2] if run_id.endswith("s") else "", 1.0)
        frame = data.trajectory(run_id.rstrip("s"))
        return frame.assign(**{"loss/regression": frame["loss/regression"] * worse})

    return replace(data, runs=pd.concat([found, reruns]), varied=["network.width"], read=read)


def test_it_says_what_was_run_and_what_came_out(page: Page) -> None:
    for words in ("rest", "a machine", "The plateau of PINN lasts", "torch", "Raissi"):
        assert words in page.text
    assert re.search(r"Of 16 claims [1-9] hold, \d do not", page.text)
    assert re.search(r"claimed: above 1; p [=<] [\d.]+, corrected", page.text)
    assert "in natural logarithms" in page.text
    assert "network.width" in page.text


def test_it_says_what_the_search_tells(report: Path, page: Page) -> None:
    assert "Which hyperparameters matter" in page.text
    assert "3 runs of the search. Importances for loss/regression cannot be computed" in page.text
    assert "All runs of the search" in page.text
    (search,) = json.loads((report.parent / "claims.json").read_text())["searches"]
    assert (search["model"], search["runs"], search["pruned"]) == ("pinn", 3, 0)
    assert sum(search["regimes"].values()) == 3


def test_its_title_is_the_studys_question(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", FIGURES[2:3])
    asked = write_report(study("M1", seeds=1), tmp_path, Asked(question="Why <so> long?"))
    written = asked.read_text(encoding="utf-8")
    assert "<h1>Why &lt;so&gt; long?</h1>" in written
    assert "<title>rest: Why &lt;so&gt; long?</title>" in written


def test_unequal_steps_of_compared_models_are_said_in_red(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", FIGURES[2:3])
    data = study("pinn", "regression", seeds=1)
    data.runs["steps"] = [300, 200]
    page = Page(write_report(data, tmp_path))
    assert "Unequal numbers of steps of training: 300 (PINN), 200 (regression)." in page.text


def test_a_report_without_a_search_needs_no_optuna() -> None:
    script = "import sys, analysis.report; sys.exit('optuna' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_it_says_what_went_wrong(page: Page) -> None:
    assert "failed: out of memory" in page.text
    assert "0123456789abcdef" in page.text
    assert "Diverged" in page.text
    assert "60" in page.text


def test_it_needs_nothing_but_itself(report: Path, page: Page) -> None:
    outside = [link for link in page.links if not link.startswith(("data:", "#"))]
    assert sum(link.startswith("data:image/png;base64,") for link in page.links) == 2
    assert sorted(outside) == sorted(
        ["claims.json", *(f"figures/{pdf.name}" for pdf in report.parent.glob("figures/*.pdf"))]
    )
    assert "default-src 'none'" in report.read_text(encoding="utf-8")


def test_claims_and_figures_lie_beside_it(report: Path) -> None:
    claims = json.loads((report.parent / "claims.json").read_text())
    assert claims["study"] == "rest"
    found = {path.relative_to(report.parent).as_posix() for path in report.parent.rglob("*.*")}
    assert {"index.html", "claims.json", "figures/1-losses.png", "figures/1-losses.pdf"} <= found
    assert not any(name.endswith(".new") for name in found)


def test_one_run_of_a_model_with_a_hostile_name_is_worth_a_report(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", FIGURES[2:3])
    data = study(EVIL, seeds=1)
    data = replace(data, name=EVIL, runs=data.runs.assign(setting=EVIL, **{EVIL + ".x": EVIL}))
    page = Page(write_report(data, tmp_path, missing={EVIL: EVIL}))
    assert page.tags.count("script") == 3
    assert page.text.count(EVIL) > 5
    assert "Claims of" not in page.text


def test_the_headline(study: Study) -> None:
    def of(data: StudyData) -> str:
        return headline(per_run(data, RULE, data.runs.index), contrast_of(data.runs))

    assert re.fullmatch(r"Steps on the plateau: PINN \d+ \(1 run\)\.", of(study("pinn", seeds=1)))
    both = of(study("pinn", "regression", seeds=5))
    assert re.match(r"The plateau of PINN lasts 1 \[[\d.]+, [\d.]+\] times as long as that", both)
    assert re.search(r"ratio of the geometric means\); steps: PINN \d+ ± \d+ \(5 runs\), r", both)


@pytest.mark.parametrize(
    ("stayed", "reason"),
    [
        ((5, 5), "no run of either model has left its plateau"),
        (
            (5, 3),
            "no run of PINN has left its plateau, and no more than half of the runs of regression "
            "have",
        ),
        (
            (3, 5),
            "no run of regression has left its plateau, and no more than half of the runs of PINN "
            "have",
        ),
        ((3, 3), "no more than half of the runs of either model have left their plateaus"),
    ],
)
def test_the_headline_says_why_it_is_not_known_how_plateaus_compare(
    study: Study, stayed: tuple[int, int], reason: str
) -> None:
    data = study("pinn", "regression", seeds=5)
    table = per_run(data, RULE, data.runs.index)
    censored = [seed < some for some in stayed for seed in range(5)]
    length = [300.0 if stays else 100.0 for stays in censored]
    table = table.assign(**{"plateau.censored": censored, "plateau.length": length})
    found = headline(table, contrast_of(data.runs))
    assert found.startswith(
        f"How the plateaus of PINN and regression compare is not known, because {reason}; steps: "
        "PINN median ≥ "
    )


def test_the_headline_ranks_the_models_by_the_studys_metric(study: Study) -> None:
    data = study("M1", "M2", seeds=5)
    runs = list(data.runs.index)
    ended = by_metric(data, runs, Metric("final", "error/relative_l2"))
    of_model = r"(M\d) [\d.e-]+ \[[\d.e-]+, [\d.e-]+\]"
    models = re.fullmatch(rf"Median final error/relative_l2: {of_model}, {of_model}\.", ended)
    assert models is not None
    assert set(models.groups()) == {"M1", "M2"}
    never = by_metric(data, runs, Metric("steps_to", "error/relative_l2", 1e-30))
    assert re.fullmatch(r"Median steps_to\(.*\): M\d ≥ \d+, M\d ≥ \d+\.", never)
    assert by_metric(data, runs[:1], Metric("final", "error/relative_l2")) == ""
    assert headline(per_run(data, RULE, runs), None, metric=ended).startswith(ended)


def test_a_study_of_four_pinns_is_judged_by_its_own_numbers(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", FIGURES[1:2])
    data = study("M1", "M2", "M3", "M4", seeds=5)
    expected = [
        Expectation(model="M1", value=1.94e-1, spread=0.04, source="a paper, Table 2"),
        Expectation(model="M2", where={"network.width": 50}, below=0.1),
    ]
    page = Page(write_report(data, tmp_path, Asked(expected=expected, baseline="M1")))
    lead = re.search(r"No remedy leaves the plateau of M1 significantly earlier; .*", page.text)
    assert lead is not None
    assert re.search(r"the earliest, M\d, takes [\d.]+ \[[\d.]+, [\d.]+\] times its steps", lead[0])
    assert "Of 2 expected numbers: 1 not reproduced, 1 not run at this size. M1" in lead[0]
    assert "4 models. Median steps on the plateau" in lead[0]
    assert "3 remedies; leaving the plateau significantly earlier in steps: none" in lead[0]
    assert "that needs 7" in page.text
    assert "a paper, Table 2" in page.text
    assert "Wilcoxon (1945)" in page.text
    for absent in (
        "Claims of",
        "the paper",
        "regression model",
        "ratio of medians",
        "lambda_b = 100",
    ):
        assert absent not in page.text
    document = json.loads((tmp_path / "claims.json").read_text())
    assert document["claims"] == []
    outcomes = [each["outcome"] for each in document["expected"]]
    assert outcomes == ["not reproduced", "not run at this size"]
    assert [one["model"] for one in document["remedies"]["ranked"]] == ["M2", "M3", "M4"]
    assert (tmp_path / "figures" / "remedies.png").stat().st_size > 10_000
    assert (tmp_path / "figures" / "remedies.pdf").is_file()


def test_results_by_setting_have_a_row_each_and_a_column_for_each_model(study: Study) -> None:
    data = study("M1", "M2", seeds=4)
    depth = [3, 3, 10, 10] * 2
    data.runs["network.depth"] = depth
    data.runs["setting"] = [f"depth={value}" for value in depth]
    found = compared.by_setting(replace(data, varied=["network.depth"]), RULE)
    assert list(found) == ["Final relative L2 error", "Plateau"]
    rows = found["Plateau"]
    assert rows.header == ("network.depth", "M1", "M2")
    assert [cells[0] for cells in rows.cells] == ["3", "10"]
    assert compared.by_setting(study("M1"), RULE) == {}


def test_more_models_than_settings_go_down(study: Study) -> None:
    data = study("M1", "M2", "M3", "M4", seeds=4)
    data.runs["network.depth"] = [3, 3, 10, 10] * 4
    data.runs["network.width"] = [50, 50, 20, 20] * 4
    data.runs["setting"] = [f"depth={value}" for value in data.runs["network.depth"]]
    found = compared.by_setting(replace(data, varied=["network.depth", "network.width"]), RULE)
    header = ("model", "network.depth=3, network.width=50", "network.depth=10, network.width=20")
    assert found["Plateau"].header == header
    assert [cells[0] for cells in found["Plateau"].cells] == ["M1", "M2", "M3", "M4"]
    assert {len(cells) for cells in found["Plateau"].cells} == {3}


def test_tables_of_findings(study: Study) -> None:
    data = searched(study("pinn", "regression", seeds=4))
    best = findings.best(data, LAST_LOSS)
    pinn = best["PINN: 3 of 3 configurations"]
    assert pinn.header == ("rank", "network.width", "final loss/regression", "runs", "run")
    assert [cells[:2] for cells in pinn.cells] == [("1", "64"), ("2", "32"), ("3", "128")]
    assert "regression: 1 of 1 configuration" in best


def test_what_was_run(study: Study) -> None:
    data = searched(study("pinn", "regression", seeds=4, diverged_at=7))
    pinn, regression = setting.runs_by_model(data).cells
    assert pinn == ("PINN", "3", "4", "0 to 3", "300", "1", "17.5 s")
    assert regression[1:4] == ("0", "4", "0 to 3")
    assert [cells[1:] for cells in setting.diverged(data).cells] == [
        ("pinn", "rerun", "0", "7", "w=64")
    ]


def test_curves_are_thinned_and_many_runs_become_a_band(study: Study) -> None:
    data = study("pinn", "regression", seeds=25, steps=700)
    found = charts(data, RULE, list(data.runs.index))
    losses = found[0]
    lines = [trace for trace in losses["data"] if trace["line"]["width"]]
    bands = [trace for trace in losses["data"] if not trace["line"]["width"]]
    assert (len(lines), len(bands)) == (CURVES, 4)
    assert all(len(trace["hovertemplate"]) for trace in lines)
    for chart in found:
        assert all(points(trace) <= POINTS for trace in chart["data"])


def test_curves_of_many_models_can_be_told_apart(study: Study) -> None:
    data = study("pinn", "regression", *(f"M{place}" for place in range(14)), seeds=1)
    losses = charts(data, RULE, list(data.runs.index))[0]
    looks = {(trace["line"]["color"], trace["line"]["dash"]) for trace in losses["data"]}
    assert len(looks) == len(losses["data"]) == 16


def points(trace: dict[str, dict[str, str]]) -> int:
    """How many 4-byte numbers an array is that travels in base64."""
    return len(trace["y"]["bdata"]) * 3 // 4 // 4


def test_citations_are_of_what_was_used() -> None:
    runs = pd.DataFrame({"network.activation": ["gelu", "tanh"], "phases.0.kind": "adam"})
    works = " ".join(citations(runs))
    assert "Adam" in works
    assert "Gaussian error linear units" in works
    assert "Optuna" not in works
    assert "Sigmoid-weighted" not in works


def test_runs_that_were_stopped_early_are_listed_where_there_are_any(
    study: Callable[..., StudyData],
) -> None:
    data = study("pinn", seeds=2)
    assert setting.pruned(data).cells == []
    data.runs["pruned_at"] = pd.array([None, 40], dtype="Int64")
    (cells,) = setting.pruned(data).cells
    assert cells[1:4] == ("pinn", "1", "40")


def test_the_curve_that_plateaus_are_read_from_is_always_drawn() -> None:
    assert "loss/total" not in str(losses().rows)
    figure = losses("loss/total")
    assert figure.rows[0].label == "loss/total"
    assert "The curve of loss/total defines the plateau" in figure.caption
    assert [row.label for row in losses("loss/residual").rows] == [
        row.label for row in losses().rows
    ]
