"""Stacks with gates and input features, and channels that are differentiable to any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import eager, library, native, third_order
from pinn_core.engine.backends.eager import CHUNK
from pinn_core.engine.features import Features
from pinn_core.engine.operators import Derivatives, Operator
from pinn_core.engine.propagation import differentiable_channels, propagate
from pinn_core.engine.stack import Gates, Stack, padded
from pinn_core.testing.nesting import derivatives

D = Derivatives("x", "y")
LAPLACE = D.xx + D.yy + 2.0 * D.identity
MIXED = (LAPLACE, D.xy - 0.5 * D.x, D.y, D.identity)
OPERATORS: dict[str, tuple[Operator, ...]] = {
    "values": (),
    "first": (D.y - 2.0 * D.x,),
    "second": (LAPLACE,),
    "mixed": MIXED,
}
WAVES = Features(
    ((1.0, 0.0), (3.0, 0.0), (0.0, 2.0), (1.0, -1.0), (0.5, 0.5)),
    (0.0, 0.3, 0.0, -0.2, 0.1),
    ("identity", "cos", "sin", "cos", "identity"),
)
SCALES = Features(((2.0, 0.0), (0.0, 0.5)), (-1.0, 0.25))
STACKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "code": {"gates": "code"},
    "paper": {"gates": "paper"},
    "features": {"features": WAVES},
    "scaled": {"features": SCALES},
    "gated features": {"gates": "code", "features": WAVES},
    "features and the paper's gates": {"gates": "paper", "features": WAVES},
}

everywhere = pytest.mark.parametrize("kind", STACKS.values(), ids=STACKS)


def stack_of(
    kind: dict[str, Any], width: int = 7, depth: int = 2, outputs: int = 1, activation: str = "tanh"
) -> Stack:
    features = kind.get("features")
    inputs = 2 if features is None else features.count
    return Stack((inputs, *[width] * depth, outputs), ACTIVATIONS[activation], **kind)


def example(
    stack: Stack, members: int = 3, points: int = 37, dtype: torch.dtype = torch.float64
) -> tuple[Stack, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(stack.widths[1])
    parameters = torch.randn(members, padded(stack.size), generator=rng, dtype=torch.float64)
    x = torch.rand(members, points, 2, generator=rng, dtype=torch.float64)
    return stack, (parameters * max(stack.widths) ** -0.5).to(dtype), x.to(dtype)


Way = Callable[[Stack, Tensor, Tensor, Sequence[Operator]], Tensor]


def both_ways(
    stack: Stack, parameters: Tensor, x: Tensor, operators: Sequence[Operator], way: Way = propagate
) -> tuple[Tensor, Tensor]:
    """Channels, and the gradient of their weighted squares."""
    own = parameters.clone().requires_grad_()
    channels = way(stack, own, x, operators)
    weights = torch.linspace(0.5, 1.5, channels[0].numel(), dtype=x.dtype).view_as(channels[0])
    (gradient,) = torch.autograd.grad((channels.square() * weights).sum(), own)
    return channels.detach(), gradient


def by_nesting(
    stack: Stack, parameters: Tensor, x: Tensor, operators: Sequence[Operator]
) -> Tensor:
    """The same channels by nested automatic differentiation."""
    raw = derivatives(stack, parameters, x, tuple(operators))
    parts = list(raw.unbind(1))
    for index, op in enumerate(operators, start=1):
        parts[index] = parts[index] + op.zeroth * parts[0]
    return torch.stack(parts, dim=1)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("operators", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("activation", ["tanh", "gelu"])
@everywhere
def test_agrees_with_nested_autograd(
    kind: dict[str, Any], activation: str, operators: tuple[Operator, ...]
) -> None:
    for depth, outputs in ((1, 2), (3, 1)):
        if kind.get("gates") == "paper" and depth == 1:
            continue
        case = example(stack_of(kind, 7, depth, outputs, activation))
        expected = both_ways(*case, operators, by_nesting)
        for way in (propagate, differentiable_channels):
            found = both_ways(*case, operators, way)
            assert max(map(relative, found, expected)) < 1e-12


@pytest.mark.parametrize("activation", ACTIVATIONS)
@everywhere
def test_the_gradient_of_the_gradient_is_right(kind: dict[str, Any], activation: str) -> None:
    stack, parameters, x = example(stack_of(kind, 5, 2, 1, activation), points=11)
    direction = torch.randn(parameters.shape, generator=torch.Generator().manual_seed(1)).double()

    def product(way: Way) -> Tensor:
        own = parameters.clone().requires_grad_()
        loss = way(stack, own, x, MIXED).square().sum()
        (gradient,) = torch.autograd.grad(loss, own, create_graph=True)
        (hessian,) = torch.autograd.grad((gradient * direction).sum(), own)
        return hessian

    assert relative(product(differentiable_channels), product(by_nesting)) < 1e-12


def same(found: Sequence[Tensor], together: Sequence[Tensor], rows: list[int]) -> bool:
    return all(torch.equal(a, b[rows]) for a, b in zip(found, together, strict=True))


@pytest.mark.parametrize(
    ("width", "points", "dtype"),
    [(5, 1, torch.float64), (33, 130, torch.float32), (8, CHUNK + 1, torch.float32)],
)
@everywhere
def test_bits_depend_neither_on_pack_order_neighbours_nor_threads(
    kind: dict[str, Any], width: int, points: int, dtype: torch.dtype
) -> None:
    stack, parameters, x = example(stack_of(kind, width, 3), 3, points, dtype)

    def threaded(*case: Any) -> Tensor:
        return propagate(*case, threads=2)

    sick = parameters.clone()
    sick[1] = torch.nan
    for way in (propagate, differentiable_channels):
        together = both_ways(stack, parameters, x, MIXED, way)
        assert same(
            both_ways(stack, parameters.flip(0), x.flip(0), MIXED, way), together, [2, 1, 0]
        )
        for member in range(3):
            own = slice(member, member + 1)
            assert same(both_ways(stack, parameters[own], x[own], MIXED, way), together, [member])
        found = both_ways(stack, sick, x, MIXED, way)
        assert same([table[::2] for table in found], together, [0, 2])
    together = both_ways(stack, parameters, x, MIXED)
    assert same(both_ways(stack, parameters, x, MIXED, threaded), together, [0, 1, 2])


@pytest.mark.parametrize("width", [5, 50])
@everywhere
def test_a_second_derivatives_bits_do_not_depend_on_the_pack(
    kind: dict[str, Any], width: int
) -> None:
    stack, parameters, x = example(stack_of(kind, width, 3), 3, 70, torch.float32)

    def product(rows: slice) -> Tensor:
        own = parameters[rows].clone().requires_grad_()
        loss = differentiable_channels(stack, own, x[rows], MIXED).square().sum()
        (gradient,) = torch.autograd.grad(loss, own, create_graph=True)
        (hessian,) = torch.autograd.grad((gradient * parameters[rows]).sum(), own)
        return hessian

    together = product(slice(None))
    for member in range(3):
        assert torch.equal(product(slice(member, member + 1))[0], together[member])


@everywhere
def test_shared_points_are_every_members_points(kind: dict[str, Any]) -> None:
    stack, parameters, x = example(stack_of(kind))
    for way in (propagate, differentiable_channels):
        shared = both_ways(stack, parameters, x[:1], MIXED, way)
        assert same(
            shared, both_ways(stack, parameters, x[:1].expand(3, -1, -1), MIXED, way), [0, 1, 2]
        )


@everywhere
def test_padding_has_no_gradient_and_no_points_have_none(kind: dict[str, Any]) -> None:
    stack, parameters, x = example(stack_of(kind, 3, 2))
    parameters = torch.nn.functional.pad(parameters, (0, 32))
    for way in (propagate, differentiable_channels):
        _, gradient = both_ways(stack, parameters, x, MIXED, way)
        assert torch.count_nonzero(gradient[:, stack.size :]) == 0
        assert torch.count_nonzero(gradient[:, : stack.size]) > 0
        channels, gradient = both_ways(stack, parameters, x[:, :0], MIXED, way)
        assert channels.shape == (3, 5, 0, 1)
        assert torch.count_nonzero(gradient) == 0


def test_one_way_forward_may_be_gone_back_twice() -> None:
    stack, parameters, x = example(stack_of({"gates": "code"}))
    parameters.requires_grad_()
    value = propagate(stack, parameters, x, MIXED).square().sum()
    (first,) = torch.autograd.grad(value, parameters, retain_graph=True)
    (second,) = torch.autograd.grad(value, parameters)
    assert torch.equal(first, second)


def test_the_layers_places_leave_the_encoders_out() -> None:
    stack = stack_of({"gates": "code"}, 4, 2)
    assert stack.places()[:2] == [(slice(0, 8), slice(8, 12)), (slice(12, 28), slice(28, 32))]
    assert stack.places()[-1][1].stop == 37
    assert stack.size == 37 + 2 * 12


def test_gates_that_do_not_fit_are_refused() -> None:
    tanh = ACTIVATIONS["tanh"]
    with pytest.raises(ValueError, match=r"one width, found \(3, 4\)"):
        Stack((2, 3, 4, 1), tanh, gates="code")
    with pytest.raises(ValueError, match="at least 2 hidden layers"):
        Stack((2, 3, 1), tanh, gates="paper")
    with pytest.raises(ValueError, match="5 features into 2 inputs"):
        Stack((2, 3, 1), tanh, features=WAVES)


def test_the_backend_is_native_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    from pinn_core.engine import backends

    if library.missing():
        pytest.skip("no native backend here")
    monkeypatch.delenv("PINN_BACKEND", raising=False)
    like = torch.zeros(1, 1)
    for kind in STACKS.values():
        stack = stack_of(kind)
        for wanted in ("auto", "native"):
            assert backends.choose(wanted, stack, like) is native
            assert backends.settled(wanted, stack, like) == "native"
        assert backends.choose("eager", stack, like, (LAPLACE,)) is eager
        assert backends.choose("auto", stack, like, (D.xxy,)) is third_order


@pytest.mark.parametrize(
    ("gates", "gated", "base"),
    [("none", (False, False), None), ("code", (True, True), 1), ("paper", (False, True), 0)],
)
def test_which_layers_have_gates(gates: Gates, gated: tuple[bool, ...], base: int | None) -> None:
    stack = Stack((2, 4, 4, 1), ACTIVATIONS["tanh"], gates)
    assert tuple(map(stack.has_gate, range(2))) == gated
    assert base is None or stack.base_encoder == base
