"""What a study may ask of its problems' grids; nothing is created where they have it not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pinn_core.problems import Grid, Helmholtz, Points
from sweeps.errors import StudyError
from sweeps.store.blob_store import blob_store_at
from sweeps.store.document import Document
from sweeps.store.kept_study import load_sealed, sealed
from sweeps.study.study import load_study

TEXT = """\
name: small
base:
  problem: {kind: helmholtz, points_per_axis: 8}
  network: {kind: mlp, width: 4, depth: 1}
  phases: [{kind: adam, steps: 100}]
models:
  pinn:
    objective: {kind: pinn, batch: 16}
search: {metric: loss/total}
analysis: {plateau: {curve: loss/total}}
expected:
  - {model: pinn, metric: loss/residual, below: 1.0}
"""

Change = Callable[[Points], Points]


def nowhere(points: Points) -> Points:
    """The points, of which no solution is known."""
    unknown = np.full_like(points.exact, np.nan)
    return replace(points, reference=unknown, exact=unknown)


def without_errors(points: Points) -> Points:
    return replace(points, exact=np.full_like(points.exact, np.nan))


def on_one_side(points: Points) -> Points:
    known = np.where(points.coordinates[:, :1] < 0, points.exact, np.nan)
    return replace(points, reference=known, exact=known)


def in_the_disc(points: Points) -> Points:
    """Those of the points that lie in the disc which the box encloses, and of its rim."""
    inside = np.linalg.norm(points.coordinates, axis=1) <= 1.1
    return Points(points.coordinates[inside], points.reference[inside], points.exact[inside])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def helmholtz_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Gives Helmholtz' equation a changed grid."""
    whole = Helmholtz.grid

    def changed(change: Change) -> None:
        def grid(self: Helmholtz) -> Grid:
            known = whole(self)
            return Grid(change(known.interior), change(known.supervised))

        monkeypatch.setattr(Helmholtz, "grid", grid)

    return changed


def refusal(file: Path, *overrides: str) -> str:
    with pytest.raises(StudyError) as refused:
        load_study(str(file), overrides)
    return str(refused.value)


@pytest.mark.parametrize("change", [nowhere, on_one_side])
@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("search.metric", "loss/regression", "search.metric"),
        ("search.metric", "full/error/relative_l2", "search.metric"),
        ("analysis.plateau.curve", "loss/regression", "analysis.plateau.curve"),
        ("analysis.plateau.curve", "full/loss/regression", "analysis.plateau.curve"),
        ("expected.0.metric", "error/relative_l2", "expected.0.metric"),
        ("models.pinn.objective", "{kind: regression}", "models.pinn.objective"),
    ],
)
def test_what_compares_with_an_unknown_solution_is_refused(
    file: Path,
    helmholtz_with: Callable[[Change], None],
    change: Change,
    key: str,
    value: str,
    place: str,
) -> None:
    helmholtz_with(change)
    complaint = refusal(file, f"{key}={value}")
    assert complaint.startswith(f"override '{key}={value}': {place}: found ")
    assert "needs a solution that problem helmholtz does not know on all of its grid" in complaint
    _, _, allowed = complaint.partition("allowed: ")
    if key == "models.pinn.objective":
        assert allowed == "gpinn, pinn"  # pseudo_time needs a time
    else:
        assert {"loss/total", "loss/residual", "full/loss/residual"} <= set(allowed.split(", "))
        assert not {"loss/regression", "error/relative_l2", "full/loss/regression"} & set(
            allowed.split(", ")
        )


def test_the_default_metric_compares_with_the_solution(
    file: Path, helmholtz_with: Callable[[Change], None]
) -> None:
    helmholtz_with(nowhere)
    file.write_text(TEXT.replace("search: {metric: loss/total}\n", ""))
    assert "search.metric: found 'loss/regression', which needs a solution" in refusal(file)


def test_without_a_solution_a_study_goes_by_its_losses(
    file: Path, helmholtz_with: Callable[[Change], None]
) -> None:
    helmholtz_with(nowhere)
    assert load_study(str(file)).search.metric == "loss/total"


def test_what_is_learnt_may_be_known_where_errors_are_not(
    file: Path, helmholtz_with: Callable[[Change], None]
) -> None:
    helmholtz_with(without_errors)
    load_study(str(file), ["search.metric=loss/regression"])
    assert "search.metric: found" in refusal(file, "search.metric=error/relative_l2")


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("models.pinn.objective.points=uniform", "models.pinn.objective.points"),
        ("models.pinn.objective.points=latin", "models.pinn.objective.points"),
        (
            "models.pinn.space={objective.points: [grid, uniform]}",
            "models.pinn.space.objective.points.1",
        ),
    ],
)
def test_points_are_not_drawn_outside_the_grid(
    file: Path, helmholtz_with: Callable[[Change], None], override: str, place: str
) -> None:
    helmholtz_with(in_the_disc)
    load_study(str(file))
    complaint = refusal(file, override)
    assert complaint.startswith(f"override '{override}': {place}: found ")
    box = "the box from (-1.0, -1.0) to (1.0, 1.0)"
    assert f"draws points all over {box}, but the grid of problem helmholtz does not" in complaint
    assert complaint.endswith("allowed: 'grid', or a domain that has the grid's shape")


def test_a_grid_that_ends_within_the_box_does_not_fill_it(
    file: Path, helmholtz_with: Callable[[Change], None]
) -> None:
    def half(points: Points) -> Points:
        moved = points.coordinates * (0.5, 1.0)
        return replace(points, coordinates=moved)

    helmholtz_with(half)
    assert "does not fill it" in refusal(file, "models.pinn.objective.points=uniform")


@pytest.mark.parametrize("kind", ["poisson_lshape", "poisson_annulus", "heat_disc", "poisson_cube"])
@pytest.mark.parametrize("points", ["uniform", "latin", "sobol"])
def test_points_are_drawn_in_a_domain_of_any_shape(file: Path, kind: str, points: str) -> None:
    study = load_study(
        str(file), [f"base.problem={{kind: {kind}}}", f"models.pinn.objective.points={points}"]
    )
    assert study.configuration_of("pinn").objective.points == points


def test_a_grid_with_points_outside_the_domain_is_refused(
    file: Path, helmholtz_with: Callable[[Change], None]
) -> None:
    def moved(points: Points) -> Points:
        return replace(points, coordinates=points.coordinates + np.array([0.0, 0.5]))

    helmholtz_with(moved)
    complaint = refusal(file)
    assert "small.yaml, line 7: models.pinn: the grid of problem helmholtz has 6 " in complaint
    assert (
        "points outside its domain, the first is (-0.714286, 1.21429), allowed: -1 <= x"
        in complaint
    )


def test_a_study_that_began_is_read_whatever_its_grids_are(
    file: Path, helmholtz_with: Callable[[Change], None]
) -> None:
    study = load_study(str(file), ["search.metric=loss/regression"])
    kept = Document(blob_store_at(str(file.parent)), "study.yaml")
    kept.write_text(sealed(study))
    helmholtz_with(nowhere)
    assert load_sealed(kept) == study


def test_a_grid_beyond_the_memory_is_refused(file: Path) -> None:
    complaint = refusal(file, "base.problem.points_per_axis=10000000")
    assert "the grid of problem helmholtz has 100000000000000 points, allowed: at most" in complaint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nowhere, "a solution that is known on the whole grid, found none"),
        (in_the_disc, "a grid that is a full lattice, found 52 points on one of 8 x 8"),
    ],
)
def test_a_probe_that_the_grid_cannot_serve_is_refused(
    file: Path, helmholtz_with: Callable[[Change], None], change: Change, message: str
) -> None:
    override = "base.record.probes=[{kind: frequency}]"
    helmholtz_with(change)
    complaint = refusal(file, override)
    assert complaint.startswith(f"override '{override}': base.record.probes.0: problem helmholtz")
    assert f"probe frequency needs {message}" in complaint


def test_a_probe_that_the_run_cannot_serve_is_refused(file: Path) -> None:
    complaint = refusal(file, "base.record.probes=[{kind: sharpness}]")
    assert "models.pinn: probe sharpness needs the same points in every step" in complaint
    assert "found batch: 16, allowed: full" in complaint
