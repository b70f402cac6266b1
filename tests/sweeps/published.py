"""What MLflow's database holds, but for names and times of its own."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

Published = tuple[Counter[Any], Counter[Any], Counter[Any]]
"""Of runs that are not deleted: states, points of curves, parameters; how often there is each."""


def published(database: Path) -> Published:
    """All of it, by the run ids of the store; two equal studies have equal ones."""
    of_run = """
        from runs join tags on tags.run_uuid = runs.run_uuid and tags.key = 'run_id'
        join {} as told on told.run_uuid = runs.run_uuid where runs.lifecycle_stage = 'active'
    """
    with closing(sqlite3.connect(database)) as opened:
        states = opened.execute(
            "select runs.status, (select value from tags where run_uuid = runs.run_uuid and key ="
            " 'run_id') from runs where lifecycle_stage = 'active'"
        ).fetchall()
        points = opened.execute(
            f"select tags.value, told.key, told.step, told.value {of_run.format('metrics')}"
        ).fetchall()
        parameters = opened.execute(
            f"select tags.value, told.key, told.value {of_run.format('params')}"
        ).fetchall()
    return Counter(states), Counter(points), Counter(parameters)
