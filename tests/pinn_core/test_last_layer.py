"""The last layer solved for: against dense Jacobians from autograd and numpy's least squares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import jacrev, vmap

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.aggregations import PCGrad
from pinn_core.alignments import GUA
from pinn_core.engine.operators import Derivatives
from pinn_core.inputs import Fourier, Periodic
from pinn_core.networks import ModifiedMlp, ResidualMlp, Siren
from pinn_core.optimizers import LastLayerLeastSquares, StepContext
from pinn_core.problems import (
    Box,
    Burgers,
    BurgersInverse,
    Cavity,
    Condition,
    Convection,
    Heat,
    PoissonAnnulus,
    PoissonCube,
    Problem,
    Segment,
    Wave,
)
from pinn_core.problems.conditions import IDENTITY
from pinn_core.problems.lattice import lattice
from pinn_core.problems.residual_form import is_linear
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.footprint import member_needs
from pinn_core.training.operations import update_flops
from pinn_core.training.pack import Pack
from pinn_core.weightings import Causal, SelfAdaptive

NET = Mlp(width=6, depth=2, activation="tanh")
WAVE = Wave(points_per_axis=8)
RECORD = Record(points=16, gradient_points=12, sketch_every=2)
D, SQUARE = Derivatives("x", "y"), Box((0.0, 0.0), (1.0, 1.0))
LID = Segment((SQUARE.face(1, 1.0),), lambda points: np.ones((len(points), 2)))


@dataclass(frozen=True, kw_only=True)
class Stokes(Problem):
    """Creeping flow: velocities u, v and pressure p; linear, which only its residual tells."""

    coordinates: ClassVar[tuple[str, ...]] = ("x", "y")
    outputs: ClassVar[int] = 3
    kind: ClassVar[str] = "stokes"
    reference: ClassVar[Any] = "none"
    domain: ClassVar[Any] = SQUARE
    operators: ClassVar[Any] = (D.x, D.y, D.xx + D.yy)
    conditions: ClassVar[Any] = {"lid": Condition((LID,), ((IDENTITY, 0), (IDENTITY, 1)))}

    def residual(self, channels: Tensor, points: Tensor) -> Tensor:
        _, x, y, laplacian = channels.unbind(1)
        own = laplacian[..., 0] - x[..., 2], laplacian[..., 1] - y[..., 2]
        return torch.stack([*own, (1 + points[..., 0]) * (x[..., 0] + y[..., 1])], -1)

    def grid(self) -> Any:
        return lattice(SQUARE, self.conditions, (6, 6), outputs=3)


def configuration(**parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": WAVE,
            "network": NET,
            "objective": Pinn(lambda_b=10.0),
            "phases": (LastLayerLeastSquares(steps=6, learning_rate=1e-2),),
            "record": RECORD,
            "precision": "float64",
            **parts,
        }
    )


def begun(one: Configuration, backend: str = "auto") -> tuple[Pack, StepContext]:
    """A pack of two members that has made a step without moving, and the context of it."""
    seen: list[StepContext] = []

    class Seeing(LastLayerLeastSquares):
        def update(self, *arguments: Any) -> Tensor:
            context = arguments[2]
            seen.append(replace(context, parameters=context.parameters.clone()))
            return torch.zeros_like(context.parameters)

    pack = Pack([one, one], [0, 1], "cpu", 1, backend)
    pack.optimizer = Seeing()
    pack.advance(0)
    return pack, seen[0]


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "features": {"inputs": Fourier(count=4)},
    "hard": {"constraints": "hard"},
    "hard with a lift of order two": {"problem": PoissonCube(dimensions=2, points_inside=20,
                                                             points_outside=8),
                                      "constraints": "hard"},
    "gates": {"network": ModifiedMlp(width=6, depth=2)},
    "factorised": {"network": Mlp(width=6, depth=2, parametrization="factorised")},
    "ntk": {"network": Mlp(width=6, depth=2, parametrization="ntk")},
    "adaptive": {"network": Mlp(width=6, depth=2, parametrization="adaptive")},
    "siren": {"network": Siren(width=6, depth=2)},
    "partners": {"problem": Convection(points_x=8, points_t=6)},
    "periodic inputs": {"problem": Convection(points_x=8, points_t=6), "inputs": Periodic()},
    "normals": {"problem": PoissonAnnulus(points_per_axis=9)},
    "several outputs": {"problem": Stokes()},
    "factors": {"problem": Heat(points_per_axis=6), "weighting": Causal(chunks=4)},
    "batch": {"objective": Pinn(lambda_b=3.0, batch=40)},
    "regression": {"problem": Burgers(points_x=8, points_t=6),
                   "objective": Regression(batch="full")},
    "partly known": {"problem": Cavity(points_per_axis=7), "objective": Regression(batch="full")},
}  # fmt: skip


@pytest.mark.parametrize("backend", ["eager", "auto"])
@pytest.mark.parametrize("name", CASES)
def test_residuals_are_what_the_last_layer_makes_of_them_and_its_part_of_the_jacobian(
    name: str, backend: str
) -> None:
    _, context = begun(configuration(**CASES[name]), backend)
    rows, jacobian = context.residuals([0, 1])
    rest, table = context.last_layer(context.parameters, [0, 1])
    assert torch.allclose(table, jacobian[:, :, context.last_place], rtol=1e-9, atol=1e-11)
    last = context.parameters[:, context.last_place]
    assert torch.allclose(rest + (table @ last[..., None])[..., 0], rows, rtol=1e-9, atol=1e-10)
    alone = context.last_layer(context.parameters[1:], [1])
    assert torch.equal(alone[0], rest[1:]) and torch.equal(alone[1], table[1:])


def test_the_best_last_layer_is_that_of_autograd_and_numpy() -> None:
    one = configuration(phases=(LastLayerLeastSquares(steps=1),))
    pack, context = begun(one)
    theta, last = context.parameters[0, : pack.disc.size], context.last_place
    names = ("interior", "boundary", "initial", "velocity")
    points = {name: pack.loss.batch[name].coordinates[0] for name in names}

    def network(c: Tensor, x: Tensor) -> Tensor:
        own, at, h = torch.cat([theta[: last.start], c]), 0, x
        for fan_in, fan_out in [(2, 6), (6, 6), (6, 1)]:
            weights = own[at : at + fan_in * fan_out].reshape(fan_out, fan_in)
            at += fan_in * fan_out
            h = weights @ h + own[at : at + fan_out]
            at += fan_out
            h = h.tanh() if fan_out == 6 else h
        return h[0]

    def rows(c: Tensor) -> Tensor:
        bent = vmap(jacrev(jacrev(network, 1), 1), (None, 0))(c, points["interior"])
        moving = vmap(jacrev(network, 1), (None, 0))(c, points["velocity"])
        held = {name: vmap(network, (None, 0))(c, points[name]) for name in names[1:]}
        start, ends = points["initial"][:, 0], points["boundary"]
        wave = (torch.pi * start).sin() + 0.5 * (4 * torch.pi * start).sin()
        found = {
            "interior": bent[:, 1, 1] - 4 * bent[:, 0, 0],
            "boundary": held["boundary"],  # two ends of as many points, each with its own mean
            "initial": held["initial"] - wave,
            "velocity": moving[:, 1],
        }
        weights = {"interior": 1.0, "boundary": 2 * 10.0, "initial": 10.0, "velocity": 10.0}
        assert len(ends) % 2 == 0
        return torch.cat([(weights[n] / len(found[n])) ** 0.5 * found[n] for n in names])

    nothing = torch.zeros(7, dtype=torch.float64)
    a, b = jacrev(rows)(nothing).numpy(), rows(nothing).numpy()  # type: ignore[no-untyped-call]
    ridge = 1e-6 * np.linalg.norm(a) * np.eye(7)
    best = np.linalg.lstsq(np.vstack([a, ridge]), np.append(-b, np.zeros(7)), rcond=None)[0]
    (run,) = train([Member(one, 0)])
    assert np.allclose(run.parameters[1][last], best, rtol=1e-8, atol=1e-10)
    loss = run.table["loss/batch"].to_numpy()
    assert np.isclose(loss[1], np.square(a @ best + b).sum(), rtol=1e-9) and loss[1] < loss[0]
    fewer = replace(one, problem=PoissonCube(dimensions=2, points_inside=4, points_outside=4))
    (run,) = train([Member(replace(fewer, network=Mlp(width=12, depth=1)), 0)])
    loss = run.table["loss/batch"].to_numpy()
    assert loss[1] < 1e-9 * loss[0]


@pytest.mark.parametrize("every", [1, 3])
def test_the_hidden_layers_move_as_adam_moves_them_and_the_last_one_where_it_is_due(
    every: int,
) -> None:
    phase = LastLayerLeastSquares(steps=7, every=every, learning_rate=1e-2, decay=0.5)
    kept = replace(RECORD, parameters=1)
    one = configuration(phases=(phase,), record=kept)
    (run,) = train([Member(one, 0)])
    last = one.stack().last_layer()
    hidden = torch.nn.Parameter(torch.from_numpy(run.parameters[0][: last.start].copy()))
    theirs = torch.optim.Adam([hidden], lr=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(theirs, lambda step: 0.5 ** (step / 1000))
    _, context = begun(one)
    for step in range(7):
        before, after = run.parameters[step], run.parameters[step + 1]
        rows = torch.from_numpy(np.stack([np.append(before, np.zeros(32 - len(before) % 32))] * 2))
        if step:
            hidden.grad = context.evaluate(rows, [0, 1])[1][0, : last.start]
            theirs.step()
            schedule.step()
        assert np.allclose(after[: last.start], hidden.detach().numpy(), rtol=1e-9, atol=1e-12)
        moved = not np.array_equal(before[last], after[last])
        assert moved == (step % every == 0)
        if moved:
            rows[0, : len(after)] = torch.from_numpy(after.copy())
            slope = context.evaluate(rows, [0, 1])[1][0, last]
            assert slope.abs().max() < 1e-6 * max(1.0, np.abs(after[last]).max())


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_training_is_the_same_alone_in_a_pack_with_threads_and_resumed(
    precision: Any, tmp_path: Any
) -> None:
    phase = LastLayerLeastSquares(steps=12, every=5, learning_rate=1e-3)
    one = configuration(phases=(Adam(steps=2), phase), precision=precision)
    other = replace(one, phases=(Adam(steps=2), replace(phase, learning_rate=1e-2)))
    pack = [Member(one, 0), Member(other, 0), Member(one, 2)]
    alone = [train([member])[0].digest() for member in pack]
    assert len(set(alone)) == 3
    assert [each.digest() for each in train(pack, threads=2)] == alone
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(5))
    train(pack[::-1], checkpointing=checkpointing, stop_after=6)
    resumed = train(pack[::-1], checkpointing=checkpointing)
    assert [each.digest() for each in resumed] == alone[::-1]


def test_the_ridge_keeps_the_last_layer_small_and_float32_has_more_of_it() -> None:
    def last(ridge: float | None, precision: str = "float64") -> Any:
        phase = LastLayerLeastSquares(steps=1, ridge=ridge)
        one = configuration(phases=(phase,), precision=precision)
        return train([Member(one, 0)])[0].parameters[1][one.stack().last_layer()]

    sizes = [np.linalg.norm(last(ridge)) for ridge in (1e-1, 1e-4, 1e-12)]
    assert sizes == sorted(sizes) and sizes[0] < 0.5 * sizes[2]
    assert np.array_equal(last(None), last(1e-12))
    assert np.array_equal(last(None, "float32"), last(1e-7, "float32"))


def test_linear_is_what_is_said_to_be_or_proves_to_be() -> None:
    assert is_linear(Stokes()) and not Stokes().linear
    for problem in (Burgers(), Cavity(points_per_axis=7), BurgersInverse()):
        assert not is_linear(problem)
    configuration(problem=Burgers(), objective=Regression(batch="full"))


def test_what_a_step_takes_is_said_of_the_last_layer_alone() -> None:
    one = configuration(network=Mlp(width=200, depth=3))
    assert one.size == 81_201 and one.columns_of(one.phases[0]) == 201
    assert member_needs(one)["jacobian"] == 8 * (4 * one.residuals * 201 + 3 * one.residuals**2)
    plain = replace(one, phases=(Adam(steps=6),))
    rare = replace(one, phases=(replace(one.phases[0], every=6),))
    assert update_flops(plain) < update_flops(rare) < update_flops(one)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"problem": Burgers()}, "^phases: last_layer_least_squares solves for the last layer of a "
         "linear problem, found problem burgers, whose residual is not linear in the solution"),
        ({"problem": BurgersInverse()}, "or holds unknowns$"),
        ({"network": ResidualMlp(width=5, blocks=1)}, "last layer is known to be linear, found a "
         "torch module"),
        ({"weighting": SelfAdaptive()}, "weighting self_adaptive climbs the loss that the phase"),
        ({"aggregation": PCGrad()}, "of a loss, and the phase last_layer_least_squares needs one"),
        ({"alignment": GUA()}, "metric, which last_layer_least_squares does not offer"),
        ({"network": Mlp(width=60, depth=2), "objective": Pinn(batch=20)},
         "batches of 20 residuals, drawn anew in every step, for its 61 parameters"),
        ({"network": Mlp(width=60, depth=2), "objective": Regression(batch=16)},
         "batches of 16 residuals, drawn anew in every step, for its 61 parameters"),
        ({"objective": Pinn(l2=0.1)}, "without a penalty of weights: found objective.l2 0.1"),
    ],
    ids=["nonlinear", "inverse", "module", "climbs", "aggregation", "alignment", "batch",
         "regression", "penalty"],
)  # fmt: skip
def test_what_has_no_meaning_is_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configuration(**parts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"every": 0}, "every must be >= 1, found 0"),
        ({"ridge": 0.0}, "ridge must be > 0, found 0.0"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0, found 0.0"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        LastLayerLeastSquares(**wrong)
