"""A study that is launched again with other settings: what is refused, and what adds runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sweeps.errors import StudyError
from sweeps.store.checkpoints import StoredCheckpoint, begun
from sweeps.store.folder import StudyFolder
from sweeps.store.kept_study import load_sealed, sealed
from tests.sweeps.launching import digests, launch, planned, sample
from tests.sweeps.samples import pinn_run


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("base.network.width=5", "base.network.width: was 4, is 5"),
        ("search.seed=1", "search.seed: was 0, is 1"),
        ("models.pinn.space.objective.lambda_b=[10.0]", "[10.0, 100.0], is [10.0]"),
        ("rerun.seeds=1", "rerun.seeds: was 2, is 1"),
        ("base.phases.0.steps=7", "base.phases.0.steps: was 6, is 7"),
    ],
)
def test_a_study_whose_runs_would_change_is_refused(override: str, shown: str, done: Path) -> None:
    before = digests(sample(done), done)
    with pytest.raises(StudyError) as caught:
        launch(sample(done, override), done)
    assert shown in str(caught.value)
    assert "name=sample-2" in str(caught.value)
    assert digests(sample(done), done) == before


@pytest.mark.usefixtures("no_report")
def test_added_values_seeds_and_models_just_add_runs(tmp_path: Path) -> None:
    assert launch(sample(tmp_path), tmp_path)[0] == 0
    before = digests(sample(tmp_path), tmp_path)
    more = sample(
        tmp_path,
        "models.regression.space.phases.0.learning_rate=[1e-3, 1e-2, 1e-5]",
        "rerun.seeds=3",
        "analysis.plateau.drop=0.2",
        "resources.pack=1",
    )
    assert launch(more, tmp_path)[0] == 0
    after = digests(more, tmp_path)
    assert before.items() <= after.items()
    assert set(after) == planned(more, tmp_path)
    assert len(after) == len(before) + 3


def plan(folder: Path) -> StudyFolder:
    """Leave the sample study as it lies before its first run is finished."""
    files = StudyFolder.of(folder / "runs", "sample")
    files.path.mkdir(parents=True)
    files.study_file.write_text(sealed(sample(folder)))
    return files


@pytest.mark.usefixtures("no_report")
def test_anything_may_change_while_no_run_is_finished_and_it_is_said(tmp_path: Path) -> None:
    plan(tmp_path)
    changed = sample(tmp_path, "base.network.width=5")
    code, said = launch(changed, tmp_path)
    assert code == 0
    assert "plan before, of which no run had finished, is replaced: base.network.width" in said
    assert "is replaced" not in launch(changed, tmp_path)[1]


def test_nothing_may_change_that_a_checkpoint_would_be_lost_by(tmp_path: Path) -> None:
    files = plan(tmp_path)
    StoredCheckpoint(files.store, [pinn_run(sample(tmp_path)).run_id]).put(b"half of the steps")
    with pytest.raises(StudyError, match=r"base\.network\.width: was 4, is 5"):
        launch(sample(tmp_path, "base.network.width=5"), tmp_path)
    assert load_sealed(files.study_file) == sample(tmp_path)
    assert begun(files.store) != []
