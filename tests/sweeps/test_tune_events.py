"""What Ray Tune keeps of a pack that is done."""

from __future__ import annotations

from pathlib import Path

from ray.tune.experiment import Trial

from sweeps.execution.pack_searcher import PackSearcher
from sweeps.execution.patience import Patience
from sweeps.execution.spreading import Room
from sweeps.execution.training import Workplace
from sweeps.execution.tune_events import PackEvents


def test_of_a_pack_that_is_done_tune_keeps_next_to_nothing(tmp_path: Path) -> None:
    place = Workplace(store=str(tmp_path), metric="loss/regression", progress=str(tmp_path))
    patience = Patience(lambda: "no reason", say=print)
    events = PackEvents(PackSearcher([], place, Room(2, 2)), patience, ticks=[])
    many = {"runs": "0123456789" * 1000}
    trial = Trial("pack", stub=True, config=dict(many), evaluated_params=dict(many))
    trial.set_experiment_tag(str(many))
    trial.update_last_result({**many, "time_total_s": 1.0, "training_iteration": 1})
    events.on_trial_complete(0, [trial], trial)
    kept = [trial.config, trial.evaluated_params, trial.metric_analysis, trial.metric_n_steps]
    assert kept == [{}, {}, {}, {}]
    assert trial.last_result == {"trial_id": trial.trial_id}
    assert "0123456789" not in str(trial.experiment_tag)
