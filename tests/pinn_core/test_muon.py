"""Muon against a loop over one matrix in numpy, from the authors' formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Checkpointing, Heat, Member, train
from pinn_core.alignments import GUA
from pinn_core.engine.stack import Stack
from pinn_core.networks import Mlp, ModifiedMlp, Network, ResidualMlp
from pinn_core.optimizers import Adam, Muon, StepContext
from pinn_core.optimizers.muon import orthogonalised
from pinn_core.training.checkpoint import Folder, every_steps
from tests.pinn_core.backends import BACKENDS
from tests.pinn_core.packs import configuration

STACK = Stack((2, 6, 6, 3, 9, 9, 1), torch.tanh)  # type: ignore[arg-type]
"""Hidden matrices that are square, wide (3 x 6) and tall (9 x 3)."""
RATES = {"learning_rate": [0.02, 0.1, 0.005], "adam_learning_rate": [1e-3, 3e-4, 1e-2]}
BOTH = ["jordan", "convergent"]


def gradients(steps: int, members: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    drawn = torch.randn(steps, members, STACK.size, generator=generator, dtype=torch.float64)
    return (drawn + 0.3 * drawn[0]).to(dtype)


def walked(
    optimizer: Muon, table: Tensor, first: int = 0, backend: str = "auto"
) -> tuple[Tensor, dict[str, Tensor]]:
    """The updates on given gradients, (steps, m, P), and the last state."""
    last = first + table.shape[1]
    settings = {name: table.new_tensor(own[first:last])[:, None] for name, own in RATES.items()}
    state, updates = optimizer.start(table[0]), []
    for step, gradient in enumerate(table):
        loss = torch.zeros(len(gradient), dtype=torch.float64)
        context = StepContext(
            gradient, loss, gradient, _nowhere, hidden_matrices=STACK.hidden_matrices()
        )
        updates.append(optimizer.update(settings, state, context, step, backend))
    return torch.stack(updates), state


def _nowhere(parameters: Tensor, members: Sequence[int]) -> tuple[Tensor, Tensor]:
    raise AssertionError("Muon evaluates nothing elsewhere")


def textbook(found: Any, rate: float, optimizer: Muon) -> Any:
    """Updates of one matrix (steps, rows, columns), as the authors write them."""
    a, b, c = (3.4445, -4.7750, 2.0315) if optimizer.coefficients == "jordan" else (2, -1.5, 0.5)
    times = 5 if optimizer.coefficients == "jordan" else 10
    mu, mean, updates = optimizer.momentum, np.zeros_like(found[0]), []
    for step, g in enumerate(found):
        mean = mu * mean + (1 - mu) * g
        u = (1 - mu) * g + mu * mean if optimizer.nesterov else mean
        x = u.T if u.shape[0] > u.shape[1] else u
        x = x / (np.sqrt((x**2).sum()) + 1e-7)
        for _ in range(times):
            square = x @ x.T
            x = a * x + (b * square + c * square @ square) @ x
        x = x.T if u.shape[0] > u.shape[1] else x
        size = rate * optimizer.decay ** (step / optimizer.decay_steps)
        updates.append(-size * max(1, u.shape[0] / u.shape[1]) ** 0.5 * x)
    return np.stack(updates)


@pytest.mark.parametrize("coefficients", BOTH)
@pytest.mark.parametrize("settings", [{}, {"nesterov": False}, {"momentum": 0.5, "decay": 0.7}])
def test_every_hidden_matrix_moves_as_the_formulas_say(
    coefficients: Any, settings: dict[str, Any]
) -> None:
    optimizer = Muon(coefficients=coefficients, decay_steps=5, **settings)
    table = gradients(9, 2)
    updates, _ = walked(optimizer, table)
    assert [shape for _, shape in STACK.hidden_matrices()] == [(6, 6), (3, 6), (9, 3), (9, 9)]
    for member, rate in enumerate(RATES["learning_rate"][:2]):
        for where, shape in STACK.hidden_matrices():
            own = table[:, member, where].unflatten(1, shape).numpy()
            found = updates[:, member, where].unflatten(1, shape).numpy()
            np.testing.assert_allclose(found, textbook(own, rate, optimizer), rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_else_moves_as_adam_moves_it(backend: str) -> None:
    table = gradients(9, 2)
    updates, _ = walked(Muon(decay=0.5, decay_steps=4), table, backend=backend)
    rest = torch.ones(STACK.size, dtype=torch.bool)
    for where, _ in STACK.hidden_matrices():
        rest[where] = False
    assert rest.sum() == 2 * 6 + 9 + (6 + 6 + 3 + 9 + 9 + 1)
    for member, rate in enumerate(RATES["adam_learning_rate"][:2]):
        theta = torch.zeros(int(rest.sum()), dtype=torch.float64, requires_grad=True)
        theirs = torch.optim.Adam([theta], lr=rate, betas=(0.9, 0.95), eps=1e-10)
        schedule = torch.optim.lr_scheduler.LambdaLR(theirs, lambda step: 0.5 ** (step / 4))
        for gradient in table[:, member, rest]:
            theta.grad = gradient
            theirs.step()
            schedule.step()
        torch.testing.assert_close(updates[:, member, rest].sum(0), theta.detach())


@pytest.mark.parametrize("shape", [(8, 8), (4, 20), (20, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_convergent_coefficients_give_orthogonal_matrices(
    shape: tuple[int, int], dtype: torch.dtype
) -> None:
    rng = np.random.default_rng(3)
    u, _, v = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
    least = min(shape)
    table = torch.from_numpy(u * np.geomspace(1.0, 0.03, least) @ v).to(dtype)
    found = orthogonalised(table[None], "convergent")[0].double()
    assert (torch.linalg.svdvals(found) - 1).abs().max() < 1e-3
    torch.testing.assert_close(found, torch.from_numpy(u @ v), rtol=0, atol=1e-3)
    rough = torch.linalg.svdvals(orthogonalised(table[None], "jordan")[0].double())
    assert rough.min() > 0.68 and rough.max() < 1.21 and (rough - 1).abs().max() > 0.05


def test_a_gradient_of_zero_moves_nothing() -> None:
    updates, _ = walked(Muon(), torch.zeros(3, 1, STACK.size))
    assert not updates.any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("coefficients", BOTH)
def test_a_members_bits_depend_on_nobody_else(
    backend: str, dtype: torch.dtype, coefficients: Any
) -> None:
    table = gradients(7, 3, dtype)
    table[3:, 1] = torch.nan
    optimizer = Muon(coefficients=coefficients)
    updates, state = walked(optimizer, table, backend=backend)
    for member in (0, 2):
        own = slice(member, member + 1)
        alone, state_alone = walked(optimizer, table[:, own], member, backend)
        assert torch.equal(alone, updates[:, own])
        assert all(torch.equal(value[own], state_alone[name]) for name, value in state.items())
    assert updates[3:, 1].isnan().all() and updates[:, [0, 2]].isfinite().all()


@pytest.mark.parametrize(
    ("network", "shapes"),
    [
        (Mlp(width=5, depth=3), [(5, 5)] * 2),
        (Mlp(width=5, depth=1), []),
        (ModifiedMlp(width=5, depth=3), [(5, 5)] * 2),
        (ModifiedMlp(width=5, depth=1), []),
        (ResidualMlp(width=5, blocks=2), [(5, 5)] * 4),
    ],
    ids=["mlp", "mlp-1", "gated", "gated-1", "module"],
)
def test_hidden_are_neither_the_first_nor_the_last_nor_the_encoders(
    network: Network, shapes: list[tuple[int, int]]
) -> None:
    stack = network.stack(5, 5)
    hidden = stack.hidden_matrices()
    assert [shape for _, shape in hidden] == shapes
    assert hidden == stack.matrices()[1 : 1 + len(shapes)]
    if shapes:
        Muon().check_stack(stack)
        assert Muon().cost(stack).flops == len(shapes) * 5 * 6 * 5**3
        assert Muon(coefficients="convergent").cost(stack).flops == len(shapes) * 10 * 6 * 5**3


@pytest.mark.parametrize("phases", [(Muon(),), (Adam(), Muon())])
def test_a_network_without_hidden_matrices_is_refused(phases: tuple[Any, ...]) -> None:
    expected = r"^phases: muon moves matrices between hidden layers, at least 2 of them, found 1$"
    with pytest.raises(ValueError, match=expected):
        replace(configuration(depth=1), phases=phases)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be > 0, found 0.0"),
        ({"adam_learning_rate": -1.0}, "adam_learning_rate must be > 0, found -1.0"),
        ({"momentum": 1.0}, "momentum must be < 1, found 1.0"),
        ({"momentum": -0.1}, "momentum must be >= 0, found -0.1"),
        ({"beta2": 1.0}, "beta2 must be < 1, found 1.0"),
        ({"epsilon": 0.0}, "epsilon must be > 0, found 0.0"),
        ({"decay": 0.0}, "decay must be > 0, found 0.0"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Muon(**wrong)


def test_gua_is_refused_for_there_is_no_metric() -> None:
    with pytest.raises(ValueError, match="metric, which muon does not offer"):
        replace(configuration(), phases=(Muon(),), alignment=GUA())


@pytest.mark.parametrize("coefficients", BOTH)
def test_a_training_is_the_same_alone_in_a_pack_with_threads_and_resumed(
    coefficients: Any, tmp_path: Path
) -> None:
    phase = Muon(steps=12, coefficients=coefficients, decay=0.5, decay_steps=10)
    one = replace(configuration(width=11, depth=3), phases=(phase,))
    other = replace(one, phases=(replace(phase, learning_rate=0.05, adam_learning_rate=1e-3),))
    pack = [Member(one, 0), Member(other, 0), Member(one, 2)]
    alone = [train([member])[0].digest() for member in pack]
    assert len(set(alone)) == 3
    assert [each.digest() for each in train(pack, threads=2)] == alone
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(7))
    train(pack[::-1], checkpointing=checkpointing, stop_after=8)
    resumed = train(pack[::-1], checkpointing=checkpointing)
    assert [each.digest() for each in resumed] == alone[::-1]


@pytest.mark.parametrize("coefficients", BOTH)
@pytest.mark.parametrize(
    "network", [Mlp(width=16, depth=3, activation="tanh"), ModifiedMlp(width=16, depth=2)]
)
def test_it_trains_the_heat_problem(coefficients: Any, network: Network) -> None:
    phase = Muon(steps=120, coefficients=coefficients, adam_learning_rate=1e-2)
    one = replace(configuration(lambda_b=1.0), problem=Heat(points_per_axis=7), network=network)
    loss = train([Member(replace(one, phases=(phase,)), 0)])[0].table["loss/total"].to_numpy()
    assert np.isfinite(loss).all() and loss[-1] < 0.6 * loss[0]
