"""The trainer that returns at once gives what a training would, and something to search for."""

from __future__ import annotations

import inspect

from analysis.ranking import LAST_LOSS
from benchmarks import recorded
from pinn_core import Adam, Configuration, Heat, Member, Mlp, Pinn, train
from sweeps.store.results import outcome_of


def member(learning_rate: float, steps: int = 30, seed: int = 0) -> Member:
    configuration = Configuration(
        problem=Heat(points_per_axis=8, interior_points=20),
        network=Mlp(width=8, depth=2),
        objective=Pinn(),
        phases=(Adam(steps=steps, learning_rate=learning_rate),),
    )
    return Member(configuration, seed)


def test_it_is_called_as_the_trainer_is() -> None:
    needed = inspect.signature(train).parameters
    inspect.signature(recorded.train).bind([], **dict.fromkeys(list(needed)[1:]))


def test_every_run_has_a_whole_trajectory_of_its_own() -> None:
    news: list[tuple[int, int]] = []
    pack = [member(1e-3), member(3e-3), member(1e-3, seed=1)]
    made = recorded.train(pack, progress=lambda step, steps: news.append((step, steps)))
    assert [one.table.num_rows for one in made] == [31, 31, 31]
    assert made[0].table.column("sketch").null_count < 31
    assert len({one.digest() for one in made}) == 3
    assert news[-1] == (30, 30)
    assert made[0].digest() == recorded.train([member(1e-3)])[0].digest()


def test_a_rate_of_a_thousandth_is_best() -> None:
    rates = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
    made = recorded.train([member(rate) for rate in rates])
    values = [outcome_of(one, LAST_LOSS) or 0.0 for one in made]
    assert values.index(min(values)) == 2
