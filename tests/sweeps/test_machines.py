"""What machines offer, and how many packs they have room for."""

from __future__ import annotations

import pytest

from sweeps.errors import StudyError
from sweeps.execution.machines import (
    Machine,
    cluster_slots,
    pack_slots,
    this_machine,
)
from sweeps.study.study import Resources

SMALL, LARGE = Machine("small", 4, 0), Machine("large", 16, 2)


@pytest.mark.parametrize(
    ("cpus", "gpus", "slots"),
    [
        (1, 0, [4, 16]),
        (8, 0, [2]),
        (0.5, 0, [8, 32]),
        (1, 1, [2]),
        (1, 0.25, [8]),
        (4, 0.25, [4]),
        (1, 0.3, [6]),  # three on each: a pack is not split over two
    ],
)
def test_slots_of_each_machine(cpus: float, gpus: float, slots: list[int]) -> None:
    assert pack_slots(Resources(cpus=cpus, gpus=gpus), [SMALL, LARGE]) == slots


def test_no_room_anywhere_is_an_error_that_says_what_there_is() -> None:
    with pytest.raises(StudyError, match="small: 4 CPUs, 0 GPUs"):
        pack_slots(Resources(gpus=0.5), [SMALL])


def test_nodes_that_come_when_needed_are_counted_by_the_study() -> None:
    head = Machine("head", 0, 0)
    with pytest.raises(StudyError, match=r"head: 0 CPUs, 0 GPUs; .* say with resources\.slots"):
        cluster_slots(Resources(), [head])
    assert cluster_slots(Resources(slots=3), [head]) == [1, 1, 1]
    assert cluster_slots(Resources(slots=6), [head, SMALL]) == [4, 1, 1]
    assert cluster_slots(Resources(slots=2), [head, SMALL]) == [4]


def test_this_machine_has_a_core() -> None:
    assert this_machine(with_gpus=True).cpus >= 1
