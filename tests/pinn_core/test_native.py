"""The native backend against the eager one, exact functions and its own bits in other company.

What both backends promise (nested autograd, packs, no points) is tested where it is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import scipy.special
import torch
from torch import Tensor

from pinn_core.engine import backends
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.backends import library, native
from pinn_core.engine.operators import Channels, Derivatives, Operator
from pinn_core.engine.propagation import propagate
from pinn_core.engine.stack import Stack, padded
from pinn_core.parts import UnknownName
from tests.pinn_core.backends import needs_native

D = Derivatives("x", "y", "t")
HEAT = D.xx + D.yy - D.t
BURGERS = (D.x, D.t, D.xx)
MIXED = (HEAT, 2.0 * D.xy + 0.5 * D.x - 3.0 * D.identity, D.t, D.identity)
OPERATORS: dict[str, tuple[Operator, ...]] = {
    "values": (),
    "first": (D.t - 2.0 * D.x,),
    "second": (D.xx,),
    "heat": (HEAT,),
    "burgers": BURGERS,
    "mixed": MIXED,
}

pytestmark = needs_native


def example(
    activation: str = "tanh",
    widths: Sequence[int] = (32, 32),
    members: int = 3,
    points: int = 130,
    outputs: int = 1,
    dtype: torch.dtype = torch.float64,
) -> tuple[Stack, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(widths))
    stack = Stack((3, *widths, outputs), ACTIVATIONS[activation])
    parameters = torch.randn(members, padded(stack.size), generator=generator, dtype=torch.float64)
    x = torch.rand(members, points, 3, generator=generator, dtype=torch.float64)
    return stack, (parameters * max(widths) ** -0.5).to(dtype), x.to(dtype)


def both_ways(
    stack: Stack,
    parameters: Tensor,
    x: Tensor,
    operators: Sequence[Operator] = (HEAT,),
    threads: int = 1,
    backend: str = "native",
) -> tuple[Tensor, Tensor]:
    """Channels, and the gradient of their squares' mean weighted by position."""
    parameters = parameters.detach().requires_grad_()
    channels = propagate(stack, parameters, x, operators, threads, backend)
    weights = torch.linspace(0.5, 1.5, channels[0].numel(), dtype=channels.dtype)
    loss = (channels.square() * weights.view_as(channels[0])).sum()
    return channels.detach(), torch.autograd.grad(loss, parameters)[0]


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@pytest.mark.parametrize("operators", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("widths", "points", "outputs"),
    [
        ((1,), 1, 1),
        ((7,), 37, 3),
        ((33, 5), 130, 2),
        ((16, 40, 9), 50, 1),
        ((20,) * 12, 300, 1),
    ],
)
def test_agrees_with_eager(
    activation: str,
    widths: tuple[int, ...],
    points: int,
    outputs: int,
    operators: tuple[Operator, ...],
) -> None:
    case = example(activation, widths, 2, points, outputs)
    found = both_ways(*case, operators)
    expected = both_ways(*case, operators, backend="eager")
    assert max(map(relative, found, expected)) < 1e-12


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("width", "depth"), [(32, 2), (100, 3), (256, 4)])
def test_float32_agrees_with_float64(activation: str, width: int, depth: int) -> None:
    stack, parameters, x = example(activation, (width,) * depth, 1, 500)
    single = both_ways(stack, parameters.float(), x.float())
    double = both_ways(stack, parameters.float().double(), x.float().double(), backend="eager")
    assert relative(single[0], double[0]) < 1e-5  # softplus: what the operator adds cancels
    assert relative(single[1], double[1]) < 3e-6


def test_float32_sums_over_many_points_keep_their_digits() -> None:
    stack, parameters, x = example("tanh", (32, 32), 1, 20_000)
    adjoint = torch.ones(1, 1, 20_000, 1)
    gradients = []
    for backend, dtype in (("native", torch.float32), ("eager", torch.float64)):
        own = parameters.float().to(dtype).requires_grad_()
        channels = propagate(stack, own, x.float().to(dtype), backend=backend)
        gradients += torch.autograd.grad(channels, own, adjoint.to(dtype))
    assert relative(*gradients) < 2e-7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("operators", [(), (HEAT,), MIXED])
@pytest.mark.parametrize(("widths", "points"), [((5,), 1), ((33, 17), 130), ((130, 64), 1000)])
def test_bits_depend_neither_on_pack_order_neighbours_threads_nor_alignment(
    widths: tuple[int, ...], points: int, operators: tuple[Operator, ...], dtype: torch.dtype
) -> None:
    stack, parameters, x = example("gelu", widths, 3, points, dtype=dtype)
    together = both_ways(stack, parameters, x, operators)

    def same(found: tuple[Tensor, Tensor], rows: list[int]) -> bool:
        return all(torch.equal(a, b[rows]) for a, b in zip(found, together, strict=True))

    assert same(both_ways(stack, parameters, x, operators, threads=2), [0, 1, 2])
    assert same(both_ways(stack, parameters, x, operators, threads=5), [0, 1, 2])
    assert same(both_ways(stack, parameters.flip(0), x.flip(0), operators), [2, 1, 0])
    for member in range(3):
        own = slice(member, member + 1)
        assert same(both_ways(stack, parameters[own], x[own], operators), [member])
    assert same(both_ways(stack, misaligned(parameters), misaligned(x), operators), [0, 1, 2])
    sick = parameters.clone()
    sick[1] = torch.nan
    channels, gradient = both_ways(stack, sick, x, operators)
    assert channels[1].isnan().all()
    assert gradient[1, : stack.size].isnan().all()
    assert same((channels[::2], gradient[::2]), [0, 2])


def misaligned(table: Tensor) -> Tensor:
    """The same numbers one number further in memory."""
    room = table.new_empty(table.numel() + 1)
    room[1:] = table.flatten()
    return room[1:].view(table.shape)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_what_is_not_finite_is_not_hidden(activation: str, poison: float) -> None:
    stack, parameters, x = example(activation, (9, 8), 1, 70)
    x[0, 5, 1] = poison
    found = both_ways(stack, parameters, x)
    expected = both_ways(stack, parameters, x, backend="eager")
    assert torch.equal(found[0][:, 1].isfinite(), expected[0][:, 1].isfinite())
    assert poison == torch.inf or not found[0][:, :, 5].isfinite().any()
    assert torch.equal(found[1].isfinite(), expected[1].isfinite())


def test_one_way_forward_may_be_gone_back_twice() -> None:
    stack, parameters, x = example()
    parameters.requires_grad_()
    value = propagate(stack, parameters, x, (HEAT,), backend="native").square().sum()
    (first,) = torch.autograd.grad(value, parameters, retain_graph=True)
    propagate(stack, parameters, x, (HEAT,), backend="native")
    (second,) = torch.autograd.grad(value, parameters)
    assert torch.equal(first, second)


def test_calls_from_several_threads_do_not_disturb_each_other() -> None:
    cases = [example(activation, (33, 17), 3, 500) for activation in ACTIVATIONS]
    alone = [both_ways(*case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda case: both_ways(*case, threads=2), cases * 4))
    for found, expected in zip(together, alone * 4, strict=True):
        assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("gates", ["none", "code", "paper"])
@pytest.mark.parametrize("width", [5, 16, 40, 48, 80])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_columns_that_are_not_made_are_not_read(dtype: torch.dtype, width: int, gates: str) -> None:
    stack, _, x = example("gelu", (width,) * 3, 2, 300, dtype=dtype)
    stack = replace(stack, gates=gates)
    draws = torch.randn(2, padded(stack.size), generator=torch.Generator().manual_seed(0))
    parameters = (draws * width**-0.5).to(dtype)
    clean = both_ways(stack, parameters, x, MIXED)
    sick = replace(stack, widths=(3, 96, 96, 96, 1))
    both_ways(sick, parameters.new_full((2, padded(sick.size)), torch.nan), x, MIXED)
    assert all(map(torch.equal, both_ways(stack, parameters, x, MIXED), clean))


def test_a_gradient_of_padding_is_zero_in_memory_used_before() -> None:
    stack, parameters, x = example("tanh", (5,), 2, 300)
    for _ in range(3):
        _, gradient = both_ways(stack, parameters, x)
        assert torch.equal(gradient[:, stack.size :], torch.zeros_like(gradient[:, stack.size :]))
        gradient.fill_(torch.nan)
        del gradient


def one_neuron(activation: str, z: np.ndarray, dtype: torch.dtype) -> list[np.ndarray]:
    """s, s', s'' and s''' at every z, as value, derivatives and bias gradient of one neuron."""
    stack = Stack((1, 1, 1), ACTIVATIONS[activation])
    line = Derivatives("x")
    parameters = torch.tensor([[1.0, 0.0, 1.0, 0.0]], dtype=dtype).repeat(len(z), 1)
    points = torch.from_numpy(z).to(dtype)[:, None, None]
    parameters.requires_grad_()
    found = propagate(stack, parameters, points, (line.x, line.xx), backend="native")
    (third,) = torch.autograd.grad(found[:, 2].sum(), parameters)
    return [found[:, i, 0, 0].detach().numpy() for i in range(3)] + [third[:, 1].numpy()]


VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "sin": np.sin,
    "gelu": lambda z: z * scipy.special.ndtr(z),
    "silu": lambda z: z * scipy.special.expit(z),
    "softplus": lambda z: np.logaddexp(0.0, z),
}
LINE = np.concatenate(
    [np.linspace(-12, 12, 40_001), np.linspace(-86, 86, 5_000), np.geomspace(1e-20, 1e-2, 5_000)]
).astype(np.float32)


def units(found: np.ndarray, exact: np.ndarray, dtype: type) -> float:
    """Largest error in units of the last place."""
    place = np.spacing(np.abs(exact).astype(dtype)).astype(float)
    return float(np.max(np.abs(found.astype(float) - exact) / place))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_in_float32_are_good_to_the_last_places(activation: str) -> None:
    allowed = 5 if activation == "gelu" else 3
    z = LINE[np.abs(LINE) < 13] if activation == "gelu" else LINE  # beyond: not even 1e-38
    found = one_neuron(activation, z, torch.float32)[0]
    assert units(found, VALUES[activation](z.astype(float)), np.float32) <= allowed


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivatives_in_float32_are_good_to_rounding(activation: str) -> None:
    found = one_neuron(activation, LINE, torch.float32)
    exact = ACTIVATIONS[activation](torch.from_numpy(LINE).double(), 3)
    for mine, reference in zip(found, exact, strict=True):
        error = np.abs(mine - reference.numpy()) / np.maximum(1.0, np.abs(reference.numpy()))
        assert error.max() < 6 * np.finfo(np.float32).eps


def test_sine_of_large_arguments_in_float32() -> None:
    z = np.geomspace(1e2, 1e30, 5_000).astype(np.float32)
    found = one_neuron("sin", z, torch.float32)[0]
    assert units(found, np.sin(z.astype(float)), np.float32) <= 4


PRECISE: dict[str, Callable[[mpmath.mpf], mpmath.mpf]] = {
    "tanh": mpmath.tanh,
    "sin": mpmath.sin,
    "gelu": lambda z: z * mpmath.ncdf(z),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_in_float64_are_good_to_six_units(activation: str) -> None:
    z = np.random.default_rng(0).normal(0, 6, 1_000)
    with mpmath.workdps(40):
        exact = [PRECISE[activation](mpmath.mpf(x)) for x in z]
        found = one_neuron(activation, z, torch.float64)[0]
        places = np.spacing(np.abs([float(x) for x in exact]))
        errors = [abs(mpmath.mpf(y) - x) / p for x, y, p in zip(exact, found, places, strict=True)]
    assert max(errors) <= 6


def test_the_choice_of_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, parameters, _ = example()
    monkeypatch.delenv("PINN_BACKEND", raising=False)
    assert backends.choose("auto", stack, parameters) is native
    assert backends.identity("auto", "cpu") == library.identity()
    assert backends.identity("auto", "cuda") == backends.identity("eager", "cpu") == "eager"
    monkeypatch.setenv("PINN_BACKEND", "eager")
    assert backends.choose("auto", stack, parameters) is backends.eager
    assert backends.choose("native", stack, parameters) is native
    with pytest.raises(UnknownName, match=r"'nativ'.*did you mean 'native'"):
        backends.choose("nativ", stack, parameters)


def test_what_it_cannot_do_is_said_and_left_to_eager(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PINN_BACKEND", raising=False)
    stack, parameters, _ = example()
    for _ in range(2):
        assert backends.choose("auto", stack, parameters.bfloat16()) is backends.eager
    assert [record.getMessage() for record in caplog.records] == [
        "The eager backend serves, slower than the native one: "
        "it has float32 and float64, not torch.bfloat16"
    ]
    other = Stack((3, 4, 1), lambda z, order: (z,) * (order + 1))
    with pytest.raises(RuntimeError, match="does not know the activation"):
        backends.choose("native", other, parameters)


def test_a_plan_with_an_unknown_activation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, parameters, x = example(widths=(16,), points=7)
    channels = Channels((HEAT,), 3)
    native.forward(stack, channels, parameters, x, 1, False)
    native.plan_of.cache_clear()
    monkeypatch.setattr(native, "codes", lambda: {stack.activation: 99})
    with pytest.raises(MemoryError, match="or an unknown activation"):
        native.forward(stack, channels, parameters, x, 1, False)
