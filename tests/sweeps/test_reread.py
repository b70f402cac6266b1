"""The report of a study that ran: what a changed file changes in it, and what it may not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.search.reread import study_to_report
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import sealed
from sweeps.study.study import load_study
from tests.sweeps.samples import STUDY

LENGTH = 'search: {metric: "plateau/length(loss/regression, 100)"}\n'
OTHER = "analysis: {plateau: {drop: 0.05}}\n"


def began(text: str) -> None:
    """Leave what is left of a study that has begun to run in ``runs``."""
    Path("sample.yaml").write_text(text)
    file = StudyFolder.of("runs", "sample").study_file
    Path("runs/sample").mkdir(parents=True)
    file.write_text(sealed(load_study("sample.yaml")))


def test_a_file_changes_how_runs_are_read_and_not_which_there_are(folder: Path) -> None:
    began(STUDY)
    Path("sample.yaml").write_text(STUDY.replace("steps: 40", "steps: 50") + OTHER)
    read, _ = study_to_report("sample.yaml", [], Path("runs"))
    assert read.analysis.plateau.drop == 0.05
    assert {read.configuration_of(model).steps for model in read.models} == {40}
    assert study_to_report("sample", [], Path("runs"))[0].analysis.plateau.drop == 0.15


def test_the_rule_stays_where_the_search_goes_by_it(folder: Path) -> None:
    began(STUDY + LENGTH)
    Path("sample.yaml").write_text(STUDY + LENGTH + OTHER)
    with pytest.raises(StudyError, match=r"sample\.yaml: analysis\.plateau: .*'plateau/length"):
        study_to_report("sample.yaml", [], Path("runs"))
    with pytest.raises(StudyError, match=r"analysis\.plateau\.drop: was 0\.15, is 0\.05"):
        study_to_report("sample", ["analysis.plateau.drop=0.05"], Path("runs"))


def test_expected_numbers_are_of_models_that_ran(folder: Path) -> None:
    began(STUDY)
    later = "  later: {objective: {kind: pinn}}\nexpected: [{model: later, below: 1}]\n"
    Path("sample.yaml").write_text(STUDY + later)
    with pytest.raises(StudyError, match=r"models that ran.*unknown model 'later'"):
        study_to_report("sample.yaml", [], Path("runs"))
