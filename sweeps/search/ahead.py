"""Which packs a study will train, as far as that can be said before its searches have learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pinn_core.training.operations import flops
from sweeps.search.search import ModelSearch, planned_configurations
from sweeps.study.plan import PackPlan, Run, make_packs, rerun_of, rerun_runs
from sweeps.study.study import Study

MOST = 2_000
"""Configurations of each search that are looked at; of a larger one so many stand for all."""


@dataclass(frozen=True)
class Ahead:
    """The packs of a study's searches, and of its reruns.

    Each of ``rounds`` begins when the packs of the one before have ended. What the searches choose
    is not known: ``rerun`` are the packs if configurations of mean cost are the best, ``cheapest``
    and ``dearest`` if others are. ``scale`` is how many runs of the searches each stands for.
    """

    rounds: tuple[tuple[PackPlan, ...], ...]
    rerun: tuple[PackPlan, ...]
    cheapest: tuple[PackPlan, ...]
    dearest: tuple[PackPlan, ...]
    scale: float

    @property
    def packs(self) -> list[PackPlan]:
        """All of them, the reruns' at mean cost."""
        return [*(pack for packs in self.rounds for pack in packs), *self.rerun]

    @property
    def every_pack(self) -> list[PackPlan]:
        """Also those that stand for other choices."""
        return [*self.packs, *self.cheapest, *self.dearest]


def look_ahead(study: Study, slots: int, most: int = MOST) -> Ahead:
    """The packs of a study that begins, with so many at a time. Trains nothing.

    At most so many configurations of each search are looked at. A learning sampler draws at random
    here, for it learns from nothing; so do its first draws.
    """
    searched = [name for name, model in study.models.items() if model.space]
    configurations = {name: planned_configurations(study, name) for name in searched}
    shown = study
    if max(configurations.values(), default=0) > most:
        search = study.search.model_copy(update={"runs": most})
        shown = study.model_copy(update={"search": search})
    searches = {name: ModelSearch(shown, name) for name in searched}
    drawn: dict[str, list[Run]] = {name: [] for name in searches}
    rounds = []
    while runs := [run for name in searches for run in _asked(searches[name], drawn[name])]:
        rounds.append(tuple(make_packs(runs, study.resources, slots)))
    if any(search.asynchronous for search in searches.values()):
        rounds = [tuple(pack for packs in rounds for pack in packs)]  # nothing waits
    asked, total = sum(map(len, drawn.values())), sum(configurations.values())
    mean, cheapest, dearest = (_reruns(study, drawn, part, slots) for part in (0.5, 0.0, 1.0))
    return Ahead(
        tuple(rounds), mean, cheapest, dearest, total * study.search.seeds / asked if asked else 1.0
    )


def _asked(search: ModelSearch, drawn: list[Run]) -> list[Run]:
    """The next generation, of which nothing is learnt."""
    runs = search.ask()
    search.tell({run.run_id: None for run in runs})
    drawn += runs
    return runs


def _reruns(
    study: Study, drawn: dict[str, list[Run]], part: float, slots: int
) -> tuple[PackPlan, ...]:
    """The packs of the reruns if the best are configurations of cost: 0 least, 1 most, 0.5 mean."""
    runs = []
    for model in study.models:
        first = [run for run in drawn.get(model, []) if run.seed == study.search.seed]
        chosen = _chosen(first, rerun_of(study, model).top, part)
        runs += rerun_runs(study, model, chosen)
    return tuple(make_packs(runs, study.resources, slots))


def _chosen(drawn: Sequence[Run], top: int, part: float) -> list[Run]:
    costs = {run.run_id: flops(run.configuration) for run in drawn}
    if not costs:
        return []
    mean = sum(costs.values()) / len(costs)
    aim = {0.0: min(costs.values()), 0.5: mean, 1.0: max(costs.values())}[part]
    return sorted(drawn, key=lambda run: abs(costs[run.run_id] - aim))[:top]
