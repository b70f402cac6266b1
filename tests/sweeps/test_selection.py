"""The best runs of every model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.search.selection import Selection
from sweeps.study.plan import Run, model_points, search_run
from sweeps.study.study import Study
from tests.sweeps.samples import sample_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return sample_study(tmp_path_factory.mktemp("study"), "rerun.top=2")


@pytest.fixture(scope="module")
def runs(study: Study) -> list[Run]:
    return [search_run(study, "pinn", point) for point in model_points(study, "pinn")]


def select(study: Study, offers: list[tuple[Run, float | None]]) -> Selection:
    selection = Selection(study)
    for run, value in offers:
        selection.offer(run, value)
    return selection


def test_the_smallest_values_are_chosen(study: Study, runs: list[Run]) -> None:
    selection = select(study, list(zip(runs, [3.0, 1.0, 2.0, 4.0], strict=True)))
    assert selection.chosen("pinn") == [runs[1], runs[2]]
    assert selection.best("pinn") == (1.0, runs[1])


def test_or_the_largest_where_the_study_says_so(tmp_path: Path, runs: list[Run]) -> None:
    study = sample_study(tmp_path, "search.direction=maximize")
    selection = select(study, list(zip(runs, [3.0, 1.0, 2.0, 4.0], strict=True)))
    assert selection.chosen("pinn") == [runs[3]]
    assert selection.best("pinn") == (4.0, runs[3])


def test_runs_without_a_value_are_never_chosen(study: Study, runs: list[Run]) -> None:
    selection = select(study, [(runs[0], None), (runs[1], 5.0), (runs[2], None)])
    assert selection.chosen("pinn") == [runs[1]]
    assert selection.best("regression") is None
    assert selection.chosen("regression") == []


@given(st.permutations(range(4)), st.lists(st.sampled_from([1.0, 2.0, None]), min_size=4))
def test_the_order_of_offers_does_not_matter(
    study: Study, runs: list[Run], order: list[int], values: list[float | None]
) -> None:
    offers = list(zip(runs, values, strict=False))
    shuffled = [offers[index] for index in order]
    assert select(study, offers).chosen("pinn") == select(study, shuffled).chosen("pinn")


def test_models_do_not_compete(study: Study, runs: list[Run]) -> None:
    other = replace(runs[1], model="regression")
    selection = select(study, [(runs[0], 2.0), (other, 1.0)])
    assert selection.best("pinn") == (2.0, runs[0])
    assert selection.best("regression") == (1.0, other)
