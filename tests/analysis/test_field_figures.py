"""Which solutions are drawn and at which steps; how they look is judged by eye."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from matplotlib.collections import QuadMesh, TriMesh
from matplotlib.figure import Figure as Canvas
from PIL import Image

from analysis.figures.animation import animate
from analysis.figures.curves import Line
from analysis.figures.field_panels import Shown, draw_solution, draw_strip, moments_of
from analysis.figures.field_views import LONGEST, Scale, views
from analysis.figures.fields import NOTHING, draw_fields
from analysis.load import StudyData
from analysis.plateau import plateau_of
from analysis.rules import PlateauRule
from pinn_core.records.fields import Fields

Study = Callable[..., StudyData]
RULE = PlateauRule()
STEPS = np.array([0, 1, 40, 80, 131, 180, 300], dtype=np.int32)


def lattice(*counts: int) -> np.ndarray:
    axes = [np.linspace(0, 1, count) for count in counts]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(counts))


def fields(points: np.ndarray, names: str, *, outputs: str = "u", known: bool = True) -> Fields:
    """Predictions that come from 0 to a reference, and a residual that vanishes."""
    reference = np.stack([np.sin(3 * points.sum(1) + place) for place, _ in enumerate(outputs)], 1)
    away = 1 - STEPS[:, None, None] / STEPS[-1]
    return Fields(
        STEPS,
        points,
        ((1 - away) * reference).astype(np.float32),
        (away * points[:, :1]).astype(np.float32),
        (reference if known else np.nan * reference).astype(np.float32),
        tuple(names),
        tuple(outputs),
    )


def study_with(study: Study, given: Fields | None, *models: str) -> StudyData:
    data = study(*models, seeds=2, steps=300)
    return replace(data, read_fields=lambda run_id: given if run_id.endswith("1") else None)


def shown(study: Study, given: Fields) -> Shown:
    data = study("pinn", seeds=1, steps=300)
    trajectory = data.trajectory(str(data.runs.index[0]))
    line = Line("0", trajectory, plateau_of(trajectory, RULE))
    return Shown("pinn", 0, line, given, "#0072b2")


def disc() -> np.ndarray:
    """A disc of which a quarter is missing, on no lattice."""
    draws = np.random.default_rng(0).uniform(-1, 1, (1200, 2))
    return draws[(np.hypot(*draws.T) < 1) & ~((draws > 0).all(1))]


EVERY = [
    (lattice(30), "x", "u", 3),
    (lattice(8, 6), "xt", "u", 4),
    (lattice(8, 6), "xy", "uvp", 12),
    (lattice(5, 6, 3), "xyt", "u", 12),
    (disc(), "xy", "u", 4),
]


@pytest.mark.parametrize(("points", "names", "outputs", "panels"), EVERY)
def test_a_solution_has_its_panels(
    study: Study, points: np.ndarray, names: str, outputs: str, panels: int
) -> None:
    canvas = Canvas(layout="compressed")
    draw_solution(canvas, shown(study, fields(points, names, outputs=outputs)))
    drawn = [
        axes for axes in canvas.axes if axes.get_visible() and axes.get_label() != "<colorbar>"
    ]
    residuals_left_out = len(outputs) - 1
    assert len(drawn) == panels - residuals_left_out
    assert all(axes.has_data() for axes in drawn)
    titles = {axes.get_title() for axes in drawn} - {""}
    reference = set() if names == "x" else {f"{name}: reference" for name in outputs}
    rest = {f"{name}: {what}" for name in outputs for what in ("prediction", "error")}
    assert titles == reference | rest | {"residual"}


def test_without_a_reference_prediction_and_residual_are_left(study: Study) -> None:
    canvas = Canvas(layout="compressed")
    one = shown(study, fields(lattice(8, 6), "xy", known=False))
    draw_solution(canvas, one)
    titles = [axes.get_title() for axes in canvas.axes]
    assert [title for title in titles if title] == ["u: prediction", "residual"]
    strip = Canvas(layout="compressed")
    draw_strip(strip, one)
    assert {axes.get_ylabel() for axes in strip.axes} >= {"u, prediction\ny", "residual\ny"}


def test_reference_and_prediction_have_equal_colours(study: Study) -> None:
    canvas = Canvas(layout="compressed")
    draw_solution(canvas, shown(study, fields(lattice(8, 6), "xy")))
    first, second = (axes.collections[0].get_clim() for axes in canvas.axes[:2])
    assert first == second
    low, high = canvas.axes[2].collections[0].get_clim()
    assert low == -high


def test_what_lies_outside_a_domain_is_not_drawn(study: Study) -> None:
    (view,) = views(fields(disc(), "xy"))
    axes = Canvas().subplots()
    drawn: Any = view.draw(axes, disc()[:, 0], Scale(-1, 1, "viridis"))
    assert isinstance(drawn, TriMesh)
    triangles = drawn._triangulation
    centres = disc()[triangles.get_masked_triangles()].mean(1)
    in_the_gap = (centres > 0.15).all(1)
    assert LONGEST > 1
    assert not in_the_gap.any()
    shape = lattice(9, 9)
    clipped = shape[~(shape > 0.5).all(1)]
    (view,) = views(fields(clipped, "xy"))
    mesh: Any = view.draw(axes, clipped[:, 0], Scale(0, 1, "viridis"))
    assert isinstance(mesh, QuadMesh)
    assert int(np.ma.getmaskarray(mesh.get_array()).sum()) == 16


def test_a_strip_shows_the_stored_steps_next_to_the_plateau(study: Study) -> None:
    one = shown(study, fields(lattice(8, 6), "xt"))
    plateau = one.line.plateau
    assert plateau.start is not None
    assert plateau.end is not None
    places = list(moments_of(one))
    wanted = [plateau.start, (plateau.start + plateau.end) / 2, plateau.end, 300]
    assert places == [int(np.abs(STEPS - step).argmin()) for step in wanted]
    canvas = Canvas(layout="compressed")
    draw_strip(canvas, one)
    titles = [axes.get_title() for axes in canvas.axes]
    assert titles[0] == "reference"
    assert titles[4].startswith("the end\nstep 300, error ")


def test_the_first_run_with_fields_is_drawn_of_the_best_models(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.figures.fields.MOST", 2)
    data = study_with(study, fields(lattice(8, 6), "xy"), *"abcdef")
    pictures = draw_fields(data, tmp_path, RULE, list(data.runs.index), baseline="e")
    assert pictures.words.endswith(
        "Shown are 2 of 6 models: the baseline and the best of the others by loss/regression."
    )
    assert pictures.shown[0].model == "e"
    assert {one.line.run_id[-1] for one in pictures.shown} == {"1"}
    assert len(pictures.figures) == 4
    for drawn in pictures.figures[:2]:
        assert matplotlib.image.imread(drawn.png)[..., :3].std() > 0.05
        assert drawn.png.stat().st_size < 300_000
        assert drawn.pdf.stat().st_size < 300_000


@pytest.mark.parametrize(
    "given",
    [
        None,
        fields(lattice(3, 3, 3, 3), "abcd"),
        fields(np.random.default_rng(0).random((40, 3)), "xyz"),
    ],
)
def test_where_there_is_nothing_to_draw_it_is_said(
    study: Study, tmp_path: Path, given: Fields | None
) -> None:
    data = study_with(study, given, "pinn")
    pictures = draw_fields(data, tmp_path, RULE, list(data.runs.index))
    assert (pictures.figures, pictures.shown, pictures.words) == ([], [], NOTHING)


def test_what_a_marching_run_has_not_come_to_is_left_out(study: Study) -> None:
    whole = fields(lattice(5, 6, 3), "xyt")
    prediction = whole.prediction.copy()
    prediction[:3, whole.points[:, 2] > 0] = np.nan
    canvas = Canvas(layout="compressed")
    draw_strip(canvas, shown(study, replace(whole, prediction=prediction)))
    hidden = [axes for axes in canvas.axes if not axes.get_visible()]
    assert len(hidden) == 3, "the first moment's two panels, and that below the reference"


def test_an_animation_has_a_frame_for_each_stored_step(study: Study, tmp_path: Path) -> None:
    whole = fields(lattice(30), "x")
    few = replace(
        whole, steps=STEPS[:3], prediction=whole.prediction[:3], residual=whole.residual[:3]
    )
    one = shown(study, few)
    (file,) = animate([one], tmp_path).values()
    with Image.open(file) as animation:
        durations = []
        for frame in range(animation.n_frames):
            animation.seek(frame)
            durations.append(animation.info["duration"])
    assert len(durations) >= len(few.steps)
