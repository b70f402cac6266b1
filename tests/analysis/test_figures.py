"""What the figures show; how they look is judged by eye."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from analysis.figures import FIGURES, _draw, draw_figures
from analysis.figures.curves import PARTS, Curve, Line, lines_of
from analysis.figures.style import OTHERS, STYLE, colours, name_of
from analysis.load import StudyData
from analysis.plateau import Plateau
from analysis.rules import PlateauRule
from analysis.statistics import run_statistics

Study = Callable[..., StudyData]
RULE = PlateauRule()
HEADINGS = set(PARTS.values())


def lines(data: StudyData) -> dict[str, list[Line]]:
    return lines_of(data, RULE, data.runs.index)


def test_all_six_are_drawn_as_png_and_pdf(study: Study, tmp_path: Path) -> None:
    data = study("pinn", "regression")
    drawn = draw_figures(data, tmp_path / "new" / "figures", RULE, data.runs.index)
    assert [each.title for each in drawn] == [figure.title for figure in FIGURES]
    for each in drawn:
        pixels = matplotlib.image.imread(each.png)
        assert pixels.shape[1] > 1000
        assert pixels[..., :3].std() > 0.05
        pdf = each.pdf.read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"/Type3" not in pdf


def test_what_no_run_recorded_is_left_out(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = FIGURES[1], FIGURES[2], FIGURES[5]
    monkeypatch.setattr("analysis.figures.FIGURES", few)
    data = study("pinn", seeds=1, without=("gradient/cosine", "update/norm"))
    drawn = draw_figures(data, tmp_path, RULE, data.runs.index)
    assert [each.png.name for each in drawn] == ["3-update-cosine.png"]


@pytest.mark.parametrize("models", [4, 7])
def test_many_models_are_drawn_in_lines(
    study: Study, monkeypatch: pytest.MonkeyPatch, models: int
) -> None:
    monkeypatch.setattr("analysis.figures.FIGURES", FIGURES[1:2])
    data = study(*(f"M{place}" for place in range(models)), seeds=2, steps=250)
    found = [(figure, figure.curves(lines(data))) for figure in FIGURES[1:2]]
    canvas = _draw(found[0][1])
    panels = canvas.axes if canvas.axes else canvas.subfigs[0].axes
    assert len(panels) == models + 2
    assert all(panel.lines or panel.collections or panel.texts for panel in panels)
    assert canvas.get_figwidth() < 10


@pytest.mark.parametrize("models", [1, 2, 3])
def test_no_heading_covers_another(study: Study, models: int) -> None:
    data = study(*(f"M{place}" for place in range(models)), seeds=2, steps=250)
    with mpl.rc_context(STYLE):
        canvas = _draw(FIGURES[1].curves(lines(data)))
        canvas.draw_without_rendering()
    headings = sorted(
        (text.get_window_extent() for text in canvas.findobj(Text) if text.get_text() in HEADINGS),
        key=lambda box: box.x0,
    )
    assert len(headings) == 2
    assert headings[0].x1 + 0.15 * canvas.dpi < headings[1].x0
    assert headings[1].x1 <= canvas.bbox.x1


def test_where_nothing_is_positive_no_axis_is_logarithmic(study: Study) -> None:
    data = study("pinn", seeds=2, steps=250)
    curves = lines(data)["pinn"]
    zeros = [Curve(line, 0.0 * line.column("update/norm")) for line in curves]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        canvas = _draw([(FIGURES[1].rows[0], {"pinn": zeros})])
    assert canvas.axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("diverged_at", [0, 60])
def test_a_diverged_run_and_odd_names_are_drawn(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, diverged_at: int
) -> None:
    few = FIGURES[4:]
    monkeypatch.setattr("analysis.figures.FIGURES", few)
    data = study("$\\frac{$", "a_very_long_name" * 9, "<b>", seeds=1, diverged_at=diverged_at)
    assert len(draw_figures(data, tmp_path, RULE, data.runs.index)) == len(few)


def test_every_axis_has_its_unit() -> None:
    rows = [quantity for figure in FIGURES for quantity in figure.rows]
    assert all("(" in quantity.label and ")" in quantity.label for quantity in rows)


def test_the_first_line_of_a_model_has_the_median_plateau(study: Study) -> None:
    for of_model in lines(study("pinn", "regression", seeds=5)).values():
        lengths = [line.plateau.length for line in of_model]
        assert lengths[0] == sorted(lengths)[2]


def test_the_dots_of_the_distance_are_the_tables_numbers(study: Study) -> None:
    data = study("pinn", seeds=1)
    (line,) = lines(data)["pinn"]
    table = run_statistics(line.trajectory, RULE)
    for part in ("inside", "after"):
        for per_step, quantity in ((False, "distance"), (True, "distance_per_step")):
            (dot,) = Curve(line, line.travelled(per_step=per_step)).at_end(part)
            assert dot == pytest.approx(table[f"{part}.{quantity}"])


def test_without_sketches_there_are_no_distances(study: Study) -> None:
    (line,) = lines(study("pinn", seeds=1))["pinn"]
    bare = Line("x", line.trajectory.drop(columns="sketch"), Plateau(100, 50, censored=False))
    assert bare.travelled(per_step=False).dropna().empty


def test_parts_are_cut_at_the_plateau() -> None:
    steps = pd.RangeIndex(100)
    frame = pd.DataFrame({"loss": np.arange(100.0)}, steps)
    left = Line("x", frame, Plateau(20, 30, censored=False))
    stays = Line("x", frame, Plateau(20, 30, censored=True))
    never = Line("x", frame, Plateau(None, 0, censored=False))
    cut = [
        [Curve(line, line.column("loss")).part(part).tolist() for part in ("inside", "after")]
        for line in (left, stays, never)
    ]
    middle, rest = [*range(20, 50)], [*range(50, 100)]
    assert cut == [[middle, rest], [middle, []], [[], []]]


def test_colours_are_stable_and_differ() -> None:
    several = colours(["regression", "a", "pinn", *"bcdef"], ("pinn", "regression"))
    assert len(set(several.values())) == 2 + len(OTHERS)
    assert {model: several[model] for model in ("pinn", "regression")} == colours(
        ["pinn", "regression"], ("pinn", "regression")
    )


def test_names_are_broken_never_cut_and_no_mathematics() -> None:
    assert name_of("pinn") == "PINN"
    assert name_of("a$b$") == r"a\$b\$"
    lines = name_of("residual_attention-" + "x" * 45).split("\n")
    assert lines[:2] == ["residual_", "attention-"]
    assert "".join(lines) == "residual_attention-" + "x" * 45
    assert max(map(len, lines)) <= 16
