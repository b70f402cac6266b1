"""The cost of a remedy's step: the study's own trainings, shortened and counted."""

import pytest

from benchmarks import remedies
from benchmarks.training import WARM_UP
from pinn_core import Configuration
from sweeps.study.plan import search_run
from sweeps.study.study import load_study

STUDY = load_study("remedies", ["reduced=true"])


def configuration(model: str) -> Configuration:
    return search_run(STUDY, model, {}).configuration


@pytest.mark.parametrize("model", STUDY.models)
def test_a_shortened_training_is_the_models_own_and_times_the_steps_asked_for(model: str) -> None:
    whole, short = configuration(model), remedies.shortened(configuration(model), 40)
    assert short.steps == WARM_UP + 40
    assert short.phases[:-1] == whole.phases[:-1]
    assert [phase.kind for phase in short.phases] == [phase.kind for phase in whole.phases]
    assert short.to_dict() | {"phases": []} == whole.to_dict() | {"phases": []}


def test_evaluations_are_counted_in_steps_that_were_made() -> None:
    counted = {
        model: remedies.evaluations(remedies.shortened(configuration(model), 10))
        for model in ("pinn", "m-config", "descent")
    }
    assert counted["pinn"] == 1
    assert counted["m-config"] == 0.5
    assert counted["descent"] > 1
