"""What a member takes of memory, and how many fit."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
from torch.profiler import ProfilerActivity, profile

from pinn_core import Adam, Configuration, Heat, Marching, Member, Record, train
from pinn_core.optimizers import LBFGS, GradientDescent, Muon, Soap
from pinn_core.problems import Convection
from pinn_core.training.footprint import (
    MARGIN,
    estimated_bytes,
    members_that_fit,
    most_members,
    points_with_channels,
    state_bytes,
)
from pinn_core.training.memory import Memory, memory_of
from pinn_core.training.pack import Pack
from tests.pinn_core.packs import configuration


@pytest.mark.parametrize(
    ("total", "free", "share", "fitting"),
    [
        (1000, 1000, 1.0, 8),  # the margin
        (1000, 500, 1.0, 4),  # others have the rest
        (1000, 1000, 0.25, 2),  # four packs on the device
        (1000, 100, 0.25, 1),
        (1000, 0, 1.0, 1),  # one is always tried
    ],
)
def test_as_many_fit_as_the_share_and_what_is_free_hold(
    total: int, free: int, share: float, fitting: int
) -> None:
    assert MARGIN == 0.8
    assert members_that_fit(Memory(total, free), share, 100) == fitting


def test_a_step_is_counted_in_points_and_channels() -> None:
    grid, inside = 7**3, 5 * 5 * 6
    outside = grid - inside
    pinn = configuration()
    assert points_with_channels(pinn) == 5 * inside + outside
    thinned = replace(pinn, problem=Heat(points_per_axis=7, interior_points=50))
    assert points_with_channels(thinned) == 5 * 50 + outside
    assert points_with_channels(configuration(batch=30)) == 5 * 30 + 5 * 20 + outside
    regression = configuration(regression=True, batch=30)
    assert points_with_channels(regression) == 30 + 5 * 20 + outside
    unwatched = replace(regression, record=Record(gradients_every=0))
    assert points_with_channels(unwatched) == 30


def test_sixty_four_full_batches_do_not_fit_where_one_does() -> None:
    full = replace(configuration(width=256, depth=4, steps=1000), problem=Heat(points_per_axis=26))
    each = estimated_bytes(full)
    assert 0.4e9 < each < 1.2e9
    assert members_that_fit(Memory(24 * 2**30, 20 * 2**30), 0.5, each) < 24
    assert estimated_bytes(replace(full, precision="float64")) == 2 * each


@pytest.mark.parametrize("regression", [False, True])
def test_the_estimate_covers_what_a_training_holds(regression: bool) -> None:
    one = replace(
        configuration(regression=regression, width=64, depth=3, steps=2, batch="full"),
        problem=Heat(points_per_axis=12),
    )
    held = allocated_at_most(one)
    assert 0.3 * estimated_bytes(one) < held < 2 * estimated_bytes(one)


def allocated_at_most(one: Configuration) -> int:
    """Bytes of torch's CPU allocator at the peak of a training."""
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as seen:
        train([Member(one, 0)], backend="eager")
    changes = [e.nbytes() for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    total = peak = 0
    for change in changes:
        total += change
        peak = max(peak, total)
    return peak


def test_a_small_network_fits_many_times_on_this_machine() -> None:
    if memory_of("cpu") is None:
        pytest.skip("this system does not say how much memory it has")
    most = most_members(configuration(), "cpu")
    assert most is not None
    assert most > 64
    assert most_members(configuration(), "cpu", 1e-12) == 1


def test_what_an_optimizer_keeps_is_what_its_state_holds() -> None:
    one = configuration(width=32, depth=3)
    for optimizer in (Adam(), GradientDescent(), LBFGS(history=7), Soap(), Muon()):
        pack = Pack([replace(one, phases=(optimizer,))], [0], "cpu", 1, "eager")
        pack.advance(0)
        held = sum(tensor.nbytes for tensor in pack.state.optimizer.values())
        estimate = state_bytes(one, optimizer)
        assert estimate <= held <= 1.1 * estimate  # parameters are padded


def test_the_estimate_has_the_largest_state_of_all_phases() -> None:
    one = configuration(width=64, depth=3)
    history = 2 * 100 * one.stack().size * 4
    both = replace(one, phases=(Adam(steps=6), LBFGS(steps=6, history=100)))
    assert history < estimated_bytes(both) - estimated_bytes(one) < 1.1 * history


def test_a_window_takes_the_memory_of_its_part() -> None:
    one = replace(configuration(), problem=Convection(points_x=17, points_t=17))
    marching = replace(one, stages=Marching(windows=4))
    assert points_with_channels(marching) < 0.35 * points_with_channels(one)
