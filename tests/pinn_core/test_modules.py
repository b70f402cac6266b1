"""Networks that are torch modules: the derivatives of any, and the promises of a pack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.engine.operators import Derivatives
from pinn_core.engine.propagation import differentiable_channels, forward
from pinn_core.inputs import Fourier, Scaled
from pinn_core.networks import ModuleNetwork, ResidualMlp
from pinn_core.optimizers import LBFGS, NNCG, Muon, Soap
from pinn_core.problems import Burgers
from pinn_core.weightings import Annealing, Ntk

D = Derivatives("x", "t")
OPERATORS = (D.t - 0.3 * D.xx + 2.0 * D.identity, D.x + 0.5 * D.xt, D.xxx - D.xxt)


@dataclass(frozen=True, kw_only=True)
class Plain(ModuleNetwork):
    """The layers of an ``Mlp`` with tanh, as a torch module."""

    width: int = 8
    mixes: bool = False
    kind = "plain"

    def module(self, inputs: int, outputs: int) -> torch.nn.Module:
        layers = [
            torch.nn.Linear(inputs, self.width),
            torch.nn.Tanh(),
            torch.nn.Linear(self.width, self.width),
            torch.nn.Tanh(),
            torch.nn.Linear(self.width, outputs),
        ]
        if self.mixes:
            layers.append(torch.nn.Softmax(dim=0))
        return torch.nn.Sequential(*layers)


def configuration(network: Any = None, curvature_every: int = 0, **parts: Any) -> Configuration:
    return Configuration(
        problem=Burgers(points_x=5, points_t=5),
        network=network or ResidualMlp(width=6, blocks=1),
        objective=parts.pop("objective", Pinn(lambda_b=10.0)),
        phases=parts.pop("phases", (Adam(steps=3, learning_rate=1e-2),)),
        record=Record(
            points=30, gradient_points=20, sketch_every=2, curvature_every=curvature_every
        ),
        **parts,
    )


@pytest.mark.parametrize("shared", [True, False])
def test_channels_and_gradients_are_those_of_the_layers(shared: bool) -> None:
    ours = Mlp(width=8, depth=2, activation="tanh").stack(2, 1)
    theirs = Plain(width=8).stack(2, 1)
    parameters = 0.5 * torch.randn(3, ours.size, dtype=torch.float64)
    points = torch.rand(1 if shared else 3, 11, 2, dtype=torch.float64)
    assert theirs.size == ours.size
    assert theirs.matrices() == ours.matrices()
    assert theirs.places() == ours.places()
    found = forward(theirs, parameters, points, OPERATORS)
    expected = forward(ours, parameters, points, OPERATORS, backend="eager")
    assert torch.allclose(found.channels, expected.channels, rtol=1e-10, atol=1e-11)
    adjoint = torch.randn_like(expected.channels)
    assert torch.allclose(found.reverse(adjoint), expected.reverse(adjoint), rtol=1e-9, atol=1e-10)
    again = differentiable_channels(theirs, parameters, points, OPERATORS)
    assert torch.allclose(again, expected.channels, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("inputs", [Scaled(), Fourier(count=4)])
def test_a_pack_of_modules_trains_as_the_same_layers_do(inputs: Any) -> None:
    """From the same parameters the losses agree to rounding."""

    @dataclass(frozen=True, kw_only=True)
    class Same(Plain):
        def initial(self, inputs: int, outputs: int, seed: int) -> Tensor:
            return Mlp(width=8, depth=2, activation="tanh").initial(inputs, outputs, seed)

    parts = {"inputs": inputs, "precision": "float64", "curvature_every": 2}
    ours = configuration(Mlp(width=8, depth=2, activation="tanh"), **parts)
    theirs = configuration(Same(width=8), **parts)
    (one,), (other,) = train([Member(ours, 0)]), train([Member(theirs, 0)])
    for name in ("loss/total", "gradient/cosine", "curvature/total", "update/norm"):
        left, right = one.table[name].to_numpy(), other.table[name].to_numpy()
        assert np.allclose(left, right, rtol=1e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    "parts",
    [
        {"curvature_every": 2},
        {"objective": Pinn(lambda_b=10.0, batch=20)},
        {"weighting": Annealing(period=1)},
        {"weighting": Ntk(period=2)},
        {"phases": (LBFGS(steps=3),)},
        {"phases": (Soap(steps=3),)},
        {"phases": (Muon(steps=3),)},
        {"phases": (NNCG(steps=2, rank=4),), "precision": "float64"},
    ],
)
def test_alone_or_packed_the_bits_are_the_same(parts: dict[str, Any]) -> None:
    pack = [Member(configuration(**parts), seed) for seed in range(3)]
    together = [trajectory.digest() for trajectory in train(pack)]
    assert len(set(together)) == 3
    assert [train([member])[0].digest() for member in pack] == together


def test_initial_parameters_depend_on_the_seed_alone() -> None:
    network = ResidualMlp(width=6)
    torch.manual_seed(7)
    first = network.initial(2, 1, 3)
    before = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(network.initial(2, 1, 3), first)
    assert torch.equal(torch.rand(1), before)
    assert not torch.equal(network.initial(2, 1, 4), first)


def test_a_module_that_mixes_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of its module depends on other rows"):
        configuration(Plain(mixes=True))
