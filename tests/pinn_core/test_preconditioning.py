"""Hessians as L-BFGS sees them: the root of its inverse, and the spectra that are recorded."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import (
    Adam,
    Checkpointing,
    Configuration,
    Member,
    Mlp,
    Pinn,
    Record,
    Regression,
    train,
)
from pinn_core.objectives.terms import problem_terms
from pinn_core.optimizers import LBFGS
from pinn_core.optimizers.two_loop import descent_direction, no_pairs, remember
from pinn_core.probes import hessian, lanczos, quadrature, root_of
from pinn_core.probes.preconditioning import Root
from pinn_core.problems import Helmholtz
from pinn_core.records.trajectory import landscape_columns, read_spectrum
from pinn_core.training.checkpoint import Folder, every_steps
from pinn_core.training.footprint import estimated_bytes
from pinn_core.training.pack import Pack
from tests.pinn_core.test_optimizers import Pack as Walkers
from tests.pinn_core.test_optimizers import network, starts

SIZE = 12
SPARSE = Record(points=40, gradient_points=20, spectrum_every=5)
COLUMNS = landscape_columns(["residual", "boundary"], {"spectrum_preconditioned"})


def walked(history: int, turns: int) -> tuple[dict[str, Tensor], list[tuple[Tensor, Tensor]]]:
    """A state in which member 0 has pairs and member 1 has one of them only, and the pairs."""
    state = no_pairs(torch.zeros(2, SIZE).double(), history)
    curvature = torch.logspace(-3, 3, SIZE, dtype=torch.float64)
    pairs = []
    for step in starts(turns, SIZE):
        remember(state, [0], step[None], (curvature * step + 0.01 * step.roll(1))[None])
        pairs.append((step, curvature * step + 0.01 * step.roll(1)))
    remember(state, [1], pairs[0][0][None], pairs[0][1][None])
    return state, pairs


def dense_inverse(pairs: list[tuple[Tensor, Tensor]], history: int) -> Tensor:
    """Nocedal and Wright 2006, equation 7.16, from the newest pair's scale times the identity."""
    s, y = pairs[-1]
    dense = torch.eye(len(s)).double() * s.dot(y) / y.dot(y)
    for s, y in pairs[-history:]:
        v = torch.eye(len(s)).double() - y.outer(s) / s.dot(y)
        dense = v.T @ dense @ v + s.outer(s) / s.dot(y)
    return dense


def dense_root(root: Root, size: int, member: int) -> Tensor:
    """L, column by column."""
    members = len(root.scale)
    columns = [root.times(row.expand(members, -1)) for row in torch.eye(size).double()]
    return torch.stack([column[member] for column in columns], dim=1)


@pytest.mark.parametrize(("history", "turns"), [(5, 3), (5, 5), (4, 7)])
def test_the_root_times_its_transpose_is_the_inverse_hessian(history: int, turns: int) -> None:
    state, pairs = walked(history, turns)
    root = root_of(state, slice(0, 2))
    for member, own in enumerate([pairs, pairs[:1]]):
        found = dense_root(root, SIZE, member)
        expected = dense_inverse(own, history)
        torch.testing.assert_close(found @ found.T, expected, rtol=1e-9, atol=1e-9)
        vector = starts(1, SIZE)
        back = root.transposed_times(vector.expand(2, -1))[member]
        torch.testing.assert_close(back, found.T @ vector[0], rtol=1e-10, atol=1e-10)
        twice = -root.times(root.transposed_times(vector.expand(2, -1)))[member]
        torch.testing.assert_close(descent_direction(state, member, vector[0]), twice)


def test_the_root_of_no_pairs_is_the_identity() -> None:
    vectors = starts(2, SIZE)
    root = root_of(no_pairs(vectors, 3), slice(0, 2))
    assert torch.equal(root.times(vectors), vectors)
    assert torch.equal(root.transposed_times(vectors), vectors)


def test_the_spectrum_is_that_of_the_inverse_times_the_hessian() -> None:
    state, pairs = walked(5, 7)
    middle = torch.diag(torch.linspace(-2, 9, SIZE).double())
    root = root_of(state, slice(0, 1))
    between = partial(root.between, lambda vectors: vectors @ middle)
    diagonal, beside = lanczos(between, starts(1, SIZE), SIZE)
    nodes, _ = quadrature(diagonal[0].numpy(), beside[0].numpy())
    expected = np.linalg.eigvals((dense_inverse(pairs, 5) @ middle).numpy())
    assert abs(expected.imag).max() < 1e-9 * abs(expected).max()
    assert np.allclose(np.sort(nodes), np.sort(expected.real), rtol=1e-7, atol=1e-9 * nodes.max())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_long_history_of_a_real_descent_stays_exact(dtype: torch.dtype) -> None:
    walkers = Walkers(LBFGS(history=30, tolerance_change=0.0), [network(6.0)], starts(1, 25, dtype))
    walkers.walk(60)
    state = walkers.state
    assert int(state["pairs"][0]) > 30
    order = [(int(state["pairs"][0]) + place) % 30 for place in range(30)]
    rows = [(state["steps"][0, k].double(), state["differences"][0, k].double()) for k in order]
    found = dense_root(root_of(state, slice(0, 1)), 25, 0)
    expected = dense_inverse(rows, 30)
    assert float((found @ found.T - expected).norm() / expected.norm()) < 1e-6


def configuration(*phases: Any, **more: Any) -> Configuration:
    fixed: dict[str, Any] = {
        "problem": Helmholtz(points_per_axis=7),
        "network": Mlp(width=4, depth=2, activation="tanh", init="glorot"),
        "objective": Pinn(lambda_b=10.0, batch="full"),
        "phases": phases or (Adam(steps=1), LBFGS(steps=4, history=2), Adam(steps=1)),
        "record": Record(points=40, gradient_points=20, spectrum_every=1),
        "precision": "float64",
    }
    return Configuration(**{**fixed, **more})


def test_a_training_records_the_spectrum_between_its_own_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pinn_core.probes.landscape.SPECTRUM_STEPS", 16)
    monkeypatch.setattr("pinn_core.probes.landscape.PROBES", 1)
    one = configuration(Adam(steps=3), LBFGS(steps=8, history=4), precision="float32")
    one = replace(one, record=replace(one.record, spectrum_every=11))
    with torch.no_grad():
        pack = Pack([one], [0], "cpu", 1, "eager")
        for step in range(11):
            pack.advance(step)
        pack.end(11)
    state, disc = pack.state.optimizer, pack.disc
    order = [(int(state["pairs"][0]) + place) % 4 for place in range(4)]
    rows = [(state["steps"][0, k].double(), state["differences"][0, k].double()) for k in order]
    inverse = dense_inverse(rows, 4)
    inside = disc.interior.thinned(20, "gradient")

    def total(own: Tensor) -> Tensor:
        equation, boundary = problem_terms(disc)
        outside = boundary.differentiable_loss(disc, own, disc.condition_points["boundary"])
        return equation.differentiable_loss(disc, own, inside) + 10 * outside

    product = hessian(total, pack.state.parameters.double())
    dense = torch.cat([product(row[None]) for row in torch.eye(len(inverse)).double()])
    own = slice(0, disc.size)
    expected = np.linalg.eigvals((inverse @ dense)[own, own].numpy()).real
    cells = pack.recorder.landscape.cells(pack.state.samples, 12, 0)
    cell = cells["spectrum_preconditioned/total"][11]
    assert isinstance(cell, list)
    nodes, weights = read_spectrum(cell)
    assert weights.sum() == pytest.approx(1)
    assert nodes.max() == pytest.approx(expected.max(), rel=1e-6)
    assert nodes.min() > expected.min() - 1e-6 * expected.max()


@pytest.fixture
def few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinn_core.probes.landscape.SPECTRUM_STEPS", 2)


@pytest.mark.usefixtures("few_products")
def test_it_is_there_in_the_rows_to_which_pairs_led_and_nowhere_else() -> None:
    found = train([Member(configuration(), 0)])[0].table
    for name in COLUMNS:
        rows = np.flatnonzero(found.column(name).is_valid().to_numpy(zero_copy_only=False))
        assert rows.tolist() == [3, 4, 5]  # the first iteration, from row 1, has no pair
    plain = train([Member(configuration(Adam(steps=3)), 0)])[0].table
    assert not [name for name in plain.column_names if name.startswith("spectrum_pre")]
    fit = train([Member(configuration(objective=Regression(batch="full")), 0)])[0].table
    first, total = (
        fit[f"spectrum_preconditioned/{n}"].to_pylist() for n in ("regression", "total")
    )
    assert first == total


@pytest.mark.usefixtures("few_products")
def test_it_changes_no_other_column() -> None:
    one = configuration(record=SPARSE)
    never = replace(one, record=replace(one.record, spectrum_every=0))
    with_it, without = (train([Member(each, 0)])[0].table for each in (one, never))
    for name in without.column_names:
        if not name.startswith("time/"):
            assert with_it.column(name).equals(without.column(name)), name


@pytest.mark.usefixtures("few_products")
def test_a_member_is_the_same_in_any_pack_and_after_a_resume(tmp_path: Path) -> None:
    fit = Regression(batch="full")
    one = configuration(precision="float32", record=SPARSE, objective=fit)
    pack = [Member(one, seed) for seed in range(2)]
    together = [found.digest() for found in train(pack)]
    assert [found.digest() for found in train(pack[::-1], threads=2)][::-1] == together
    assert [train([member])[0].digest() for member in pack] == together
    for at in (4, 5):  # within the phase; where the next one begins
        checkpointing = Checkpointing(Folder(tmp_path / str(at)), every_steps(at))
        with pytest.raises(InterruptedError):
            train(pack, checkpointing=checkpointing, progress=partial(_stop, at + 1))
        assert [each.digest() for each in train(pack, checkpointing=checkpointing)] == together


def _stop(at: int, step: int, _: int) -> None:
    if step == at:
        raise InterruptedError


def test_the_estimate_of_memory_knows_of_the_pairs() -> None:
    few, many = (configuration(LBFGS(steps=3, history=history)) for history in (1, 100))
    assert estimated_bytes(many) > estimated_bytes(few)
