"""What keeps a node out of a study."""

from __future__ import annotations

from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.execution.context import WorkerContext
from sweeps.execution.nodes import Node, refuse_strangers
from sweeps.execution.software import installed
from sweeps.execution.trainable import PackTrainable, trial_config
from sweeps.study.plan import PackPlan


def node(**facts: Any) -> Node:
    return Node("10.0.0.2", **({"software": dict(installed())} | facts))


def test_equals_are_welcome() -> None:
    refuse_strangers([node(), node()], "/mnt/runs")


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"software": dict(installed()) | {"torch": "2.0.0"}},
            "node 10.0.0.2 has torch 2.0.0 instead",
        ),
        ({"software": dict(installed()) | {"code": "0"}}, "has code 0 instead of"),
        ({"problem": "no answer within 60 s"}, "node 10.0.0.2: no answer within 60 s"),
        ({"storage": "Read-only file system"}, "does not share /mnt/runs: Read-only file system;"),
    ],
)
def test_strangers_are_named(facts: dict[str, Any], reason: str) -> None:
    with pytest.raises(StudyError, match=reason):
        refuse_strangers([node(), node(**facts)], "/mnt/runs")


def test_a_node_that_joins_later_with_other_software_trains_nothing() -> None:
    software = dict(installed()) | {"pinn-sweeps": "99"}
    place = WorkerContext(store="s", metric="loss/batch", progress="p", software=software)
    with pytest.raises(StudyError, match=r"has pinn-sweeps \S+ instead of 99"):
        PackTrainable.setup(object.__new__(PackTrainable), trial_config(PackPlan("id", ()), place))
