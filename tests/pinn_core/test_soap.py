"""SOAP against a loop over its matrices, from the paper's algorithms and the authors' code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pinn_core import Checkpointing, Member, train
from pinn_core.aggregations import ConFIG
from pinn_core.alignments import GUA, Proposal
from pinn_core.engine.stack import Stack
from pinn_core.optimizers import Soap, StepContext
from pinn_core.training.checkpoint import Folder, every_steps
from tests.pinn_core.backends import BACKENDS
from tests.pinn_core.packs import configuration

STACK = Stack((4, 4, 4, 4), torch.tanh)  # type: ignore[arg-type]
"""Square matrices: a first gradient of less than full rank leaves some eigenvectors to rounding."""


def gradients(steps: int, members: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    drawn = torch.randn(steps, members, STACK.size, generator=generator, dtype=torch.float64)
    return (drawn + 0.3 * drawn[0]).to(dtype)


def walked(
    optimizer: Soap, table: Tensor, rates: Sequence[float], backend: str = "auto"
) -> tuple[Tensor, dict[str, Tensor]]:
    """The updates on given gradients, (steps, m, P), and the last state."""
    settings = {"learning_rate": table.new_tensor(rates)[:, None]}
    state, updates = optimizer.start(table[0]), []
    for step, gradient in enumerate(table):
        loss = torch.zeros(len(gradient), dtype=torch.float64)
        context = StepContext(gradient, loss, gradient, _nowhere, STACK.matrices())
        updates.append(optimizer.update(settings, state, context, step, backend))
    return torch.stack(updates), state


def _nowhere(parameters: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
    raise AssertionError("SOAP evaluates nothing elsewhere")


def textbook(found: Tensor, rate: float, every: int, epsilon: float) -> Tensor:
    """Updates of one matrix (steps, rows, columns): moments as the paper has them, M unrotated.

    As in the authors' code epsilon is added before the bias is corrected, by the step's size.
    """
    beta = 0.95
    first, second = torch.zeros_like(found[0]), torch.zeros_like(found[0])
    left, right = 0.05 * found[0] @ found[0].T, 0.05 * found[0].T @ found[0]
    q_left, q_right = (torch.linalg.eigh(each)[1].flip(1) for each in (left, right))
    updates = [torch.zeros_like(found[0])]
    for step, g in enumerate(found[1:], start=1):
        first = beta * first + (1 - beta) * g
        second = beta * second + (1 - beta) * (q_left.T @ g @ q_right) ** 2
        n = q_left.T @ first @ q_right / (second.sqrt() + epsilon)
        size = rate * (1 - beta**step) ** 0.5 / (1 - beta**step)
        updates.append(-size * q_left @ n @ q_right.T)
        left = beta * left + (1 - beta) * g @ g.T
        right = beta * right + (1 - beta) * g.T @ g
        if step % every == 0:
            order = (q_left.T @ left @ q_left).diag().argsort(descending=True)
            second, q_left = second[order], torch.linalg.qr(left @ q_left[:, order])[0]
            order = (q_right.T @ right @ q_right).diag().argsort(descending=True)
            second, q_right = second[:, order], torch.linalg.qr(right @ q_right[:, order])[0]
    return torch.stack(updates)


@pytest.mark.parametrize(("every", "epsilon"), [(1, 1e-8), (4, 1e-8), (4, 0.1)])
def test_every_matrix_moves_as_the_papers_loop_says(every: int, epsilon: float) -> None:
    table = gradients(13, 2)
    updates, _ = walked(Soap(update_every=every, epsilon=epsilon), table, [3e-3, 1e-2])
    for member, rate in enumerate([3e-3, 1e-2]):
        for where, shape in STACK.matrices():
            expected = textbook(table[:, member, where].unflatten(1, shape), rate, every, epsilon)
            found = updates[:, member, where].unflatten(1, shape)
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_biases_move_as_adam_moves_them_from_the_second_step_on() -> None:
    table = gradients(8, 1)
    updates, _ = walked(Soap(epsilon=0.1), table, [1e-2])
    _, biases = STACK.places()[1]
    theta = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([theta], lr=1e-2, betas=(0.95, 0.95))
    for step, gradient in enumerate(table[1:, 0, biases], start=1):
        theta.grad = gradient
        adam.param_groups[0]["eps"] = 0.1 / (1 - 0.95**step) ** 0.5  # Adam's own is not corrected
        adam.step()
    torch.testing.assert_close(updates[:, 0, biases].sum(0), theta.detach())
    assert not updates[0].any()


def test_the_bases_come_to_the_eigenvectors_of_the_mean_squares() -> None:
    table = gradients(1, 1).expand(60, -1, -1)
    _, state = walked(Soap(update_every=1), table, [1e-3])
    basis, mean = state["left_basis/1"][0], state["left/1"][0]
    inside = basis.T @ mean @ basis
    torch.testing.assert_close(basis.T @ basis, torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(inside, inside.diag().diag(), atol=1e-9, rtol=0.0)
    assert inside.diag().diff().max() <= 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_members_bits_depend_on_nobody_else(backend: str, dtype: torch.dtype) -> None:
    table = gradients(9, 3, dtype)
    table[4:, 1] = torch.nan
    optimizer, rates = Soap(update_every=3), [1e-2, 1e-3, 3e-3]
    updates, state = walked(optimizer, table, rates, backend)
    for member in (0, 2):
        own = slice(member, member + 1)
        alone, state_alone = walked(optimizer, table[:, own], rates[own], backend)
        assert torch.equal(alone, updates[:, own])
        assert all(torch.equal(value[own], state_alone[name]) for name, value in state.items())
    assert updates[8, 1].isnan().any() and updates[:, [0, 2]].isfinite().all()


def test_a_gradient_that_is_not_finite_at_the_start_stops_nobody() -> None:
    table = gradients(5, 2)
    table[:, 0] = torch.inf
    updates, _ = walked(Soap(update_every=2), table, [1e-2, 1e-2])
    assert updates[:, 1].isfinite().all() and updates[1:, 1].any()


def test_the_weights_of_gated_networks_are_matrices_with_their_encoders() -> None:
    stack = Stack((2, 5, 5, 1), torch.tanh, gates="paper")  # type: ignore[arg-type]
    assert [shape for _, shape in stack.matrices()] == [(5, 2), (5, 5), (1, 5), (5, 2), (5, 2)]
    flat = torch.arange(stack.size, dtype=torch.float64)[None]
    encoders = stack.encoders(flat)
    for (where, shape), (weights, _) in zip(stack.matrices()[3:], encoders, strict=True):
        assert torch.equal(flat[:, where].unflatten(1, shape), weights)


def bases(state: dict[str, Tensor], member: int) -> Tensor:
    """Orthonormal, (P, P): what turns all matrices of a member at once, and no bias."""
    basis = torch.eye(STACK.size, dtype=torch.float64)
    for place, (where, _) in enumerate(STACK.matrices()):
        left, right = (state[f"{side}_basis/{place}"][member] for side in ("left", "right"))
        basis[where, where] = torch.kron(left, right)
    return basis


def test_gua_projects_in_soaps_metric_and_takes_its_moments_along() -> None:
    """Terms that pull apart, the metric as a dense matrix, new bases every second step."""
    optimizer, beta, rates = Soap(update_every=2), 0.95, (0.05, 0.02)
    settings = {"learning_rate": torch.tensor(rates, dtype=torch.float64)[:, None]}
    table, loss = gradients(24, 2), torch.zeros(2, dtype=torch.float64)
    state, mean, met = optimizer.start(table[0]), torch.zeros_like(table[0]), 0
    shares = {"rho_m": table.new_tensor([[0.3], [1.0]]), "rho_v": table.new_tensor([[1.0], [0.2]])}
    for step, (first, other) in enumerate(zip(table[:12], table[12:], strict=True)):
        rows = [first, 0.5 * other - first]
        total = rows[0] + rows[1]
        context = StepContext(total, loss, total, _nowhere, STACK.matrices())
        proposed = optimizer.update(settings, state, context, step)
        second = state["second"].clone()
        proposal = Proposal(proposed, rows, context, optimizer, settings, state, step, "auto")
        applied = GUA().aligned(shares, proposal)
        if step == 0:
            assert not applied.any() and not state["first"].any()
            assert not optimizer.precondition(settings, state, context, total, step).any()
            continue
        mean, count = beta * mean + (1 - beta) * total, 1 - beta**step
        for member, rate in enumerate(rates):
            basis, own = bases(state, member), torch.stack([row[member] for row in rows])
            root = (second[member].sqrt() + 1e-8) / count**0.5
            torch.testing.assert_close(
                -rate * basis @ (basis.T @ mean[member] / count / root), proposed[member]
            )
            change = basis @ (root / rate * (basis.T @ (proposed - applied)[member]))
            before, after = -proposed[member], -applied[member]
            if (own @ before >= 0).all():
                assert torch.equal(applied[member], proposed[member])
                assert torch.equal(state["second"][member], second[member])
                change = torch.zeros_like(change)
            else:
                met += 1
                sizes = own.norm(dim=1) * after.norm()
                assert (own @ after >= -1e-12 * sizes).all()
                lambdas = torch.linalg.lstsq(own.T, change[:, None]).solution[:, 0]
                torch.testing.assert_close(own.T @ lambdas, change, rtol=1e-8, atol=1e-8)
                assert (lambdas >= -1e-9 * lambdas.abs().max()).all()
                assert (lambdas * (own @ after) <= 1e-9 * lambdas.abs().max() * sizes).all()
            mean[member] += shares["rho_m"][member] * count * change
            old, lead = basis.T @ total[member], basis.T @ change * count / (1 - beta)
            risen = (1 - beta) * ((old + lead).square() - old.square())
            expected = second[member] + shares["rho_v"][member] * risen
            torch.testing.assert_close(state["second"][member], expected)
            torch.testing.assert_close(basis @ state["first"][member], mean[member])
    assert met > 5


@pytest.mark.parametrize("aligned", [False, True], ids=["plain", "config-gua"])
def test_a_training_is_the_same_alone_in_a_pack_with_threads_and_resumed(
    aligned: bool, tmp_path: Path
) -> None:
    one = replace(configuration(width=11), phases=(Soap(steps=12, update_every=3),))
    if aligned:
        faster = replace(one.phases[0], learning_rate=1e-2)
        one = replace(one, phases=(faster,), aggregation=ConFIG(), alignment=GUA())
    pack = [Member(one, seed) for seed in (0, 1, 2)]
    alone = [train([member])[0] for member in pack]
    expected = [each.digest() for each in alone]
    if aligned:
        assert any(any(each.table["conflict/proposal"].to_pylist()[:7]) for each in alone)
    assert [each.digest() for each in train(pack, threads=2)] == expected
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(7))
    train(pack[::-1], checkpointing=checkpointing, stop_after=8)
    resumed = train(pack[::-1], checkpointing=checkpointing)
    assert [each.digest() for each in resumed] == expected[::-1]
