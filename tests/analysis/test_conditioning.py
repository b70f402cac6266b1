"""Condition numbers that are read off spectral densities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.conditioning import conditioning, conditions
from analysis.load import StudyData
from analysis.report import endings

Study = Callable[..., StudyData]


def test_of_a_whole_spectrum_it_is_the_largest_over_the_last_of_the_steepest_percent() -> None:
    eigenvalues = np.concatenate([np.linspace(-1, 1, 997) * 1e-3, [-50.0, 20.0, -10.0]])
    found = conditioning(eigenvalues, np.full(1000, 1 / 1000))
    assert found.largest == -50
    assert found.negative == pytest.approx(2 / 1000)  # the small ones count as zeros
    assert found.condition == pytest.approx(50 / np.sort(abs(eigenvalues))[-10])


def test_it_does_not_hang_on_the_scale_or_on_how_nodes_are_split() -> None:
    nodes, weights = np.array([-2.0, 0.1, 30.0]), np.array([0.1, 0.896, 0.004])
    once = conditioning(nodes, weights)
    scaled = conditioning(1e5 * nodes, weights)
    split = conditioning(np.repeat(nodes, 2), np.repeat(weights / 2, 2))
    assert scaled.condition == pytest.approx(once.condition) == pytest.approx(15)
    assert (split.largest, split.negative) == (30, pytest.approx(0.1))
    assert split.condition == pytest.approx(15)


def test_of_a_singular_matrix_it_is_infinite() -> None:
    assert conditioning(np.array([0.0, 1.0]), np.array([0.999, 0.001])).condition == np.inf
    assert conditioning(np.zeros(2), np.array([0.9, 0.1])).condition == np.inf


def with_spectra(study: StudyData, preconditioned: bool) -> StudyData:
    """A spectrum at steps 0 and 300; one after preconditioning at step 200, beside a third."""

    def read(run_id: str) -> pd.DataFrame:
        frame = study.read(run_id)
        empty = pd.Series(None, frame.index, dtype=object)
        frame["spectrum/residual"], frame["spectrum_preconditioned/residual"] = empty, empty.copy()
        for step, largest in ((0, 10.0), (200, 1000.0), (300, 5000.0)):
            frame.at[step, "spectrum/residual"] = np.array([-2.0, largest, 0.75, 0.25])
        if preconditioned:
            frame.at[200, "spectrum_preconditioned/residual"] = np.array([0.5, 2.0, 0.75, 0.25])
        return frame

    return replace(study, read=read)


@pytest.mark.parametrize("preconditioned", [False, True])
def test_both_are_of_the_same_step(study: Study, preconditioned: bool) -> None:
    data = with_spectra(study("pinn", seeds=2), preconditioned)
    table = conditions(data, data.runs.index)
    before = table[~table["preconditioned"]]
    assert before["step"].unique().tolist() == [200 if preconditioned else 300]
    assert before["largest"].unique().tolist() == [1000 if preconditioned else 5000]
    rows = endings.condition_rows(table)
    (cells,) = rows.cells
    assert cells[:3] == ("PINN: residual", "2", "200" if preconditioned else "300")
    assert cells[3:5] == ("1000" if preconditioned else "5000", "75 %")
    assert cells[6:] == (("2", "0 %", "1") if preconditioned else ())
    assert len(rows.header) == len(cells)


def test_without_spectra_there_is_no_table(study: Study) -> None:
    data = study("pinn", seeds=1)
    assert endings.condition_rows(conditions(data, data.runs.index)).cells == []
