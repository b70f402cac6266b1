"""What a configuration costs, where a search looks for cheap ones, too."""

from __future__ import annotations

from collections.abc import Iterable

from pinn_core.records.trajectory import Manifest
from pinn_core.training.operations import parameters, update_flops
from sweeps.study.plan import Run
from sweeps.study.study import Study, configuration_of

COSTS = {"operations": update_flops, "parameters": parameters}
"""By ``search.cost``; all of them are known before a run is made."""


def cost_of(study: Study, run: Run) -> tuple[float, ...]:
    """The cost of a run's configuration; empty for a study that names none."""
    if study.search.cost is None:
        return ()
    return (float(COSTS[study.search.cost](run.configuration)),)


def costs_of(study: Study, manifests: Iterable[Manifest]) -> dict[str, float]:
    """The costs of committed runs, by run id; empty for a study that names none."""
    if study.search.cost is None:
        return {}
    cost = COSTS[study.search.cost]
    return {one.run_id: float(cost(configuration_of(one.configuration))) for one in manifests}
