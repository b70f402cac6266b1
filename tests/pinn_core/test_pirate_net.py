"""PirateNet against its equations in numpy, and what it is at first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from scipy.stats import qmc

from pinn_core import Adam, Configuration, Member, Pinn, Record, train
from pinn_core.curricula import Marching
from pinn_core.discretization.discretization import Discretization
from pinn_core.discretization.start import starts
from pinn_core.engine.propagation import forward
from pinn_core.inputs import Periodic, Raw
from pinn_core.networks import PirateNet
from pinn_core.optimizers import Muon
from pinn_core.problems import Convection, GrayScott, KuramotoSivashinsky, Poisson

Tables = dict[str, ndarray]


def tables(network: PirateNet, theta: torch.Tensor) -> Tables:
    """The flat parameters by name."""
    found, at = {}, 0
    for name, table in network.module(2, 1).named_parameters():
        found[name] = theta[at : at + table.numel()].view(table.shape).numpy()
        at += table.numel()
    assert at == len(theta)
    return found


def affine(own: Tables, name: str, x: ndarray) -> ndarray:
    result: ndarray = x @ own[f"{name}.weight"].T + own[f"{name}.bias"]
    return result


def features(own: Tables, x: ndarray) -> ndarray:
    along = x @ own["directions.weight"].T
    return np.concatenate([np.cos(along), np.sin(along)], axis=1)


def written_out(own: Tables, x: ndarray, blocks: int) -> ndarray:
    """Equations 4.1 to 4.8."""
    phi = features(own, x)
    u, v = (np.tanh(affine(own, f"encoders.{place}", phi)) for place in (0, 1))
    for block in range(blocks):
        f = np.tanh(affine(own, f"blocks.{block}.layers.0", phi))
        z = f * u + (1 - f) * v
        g = np.tanh(affine(own, f"blocks.{block}.layers.1", z))
        z = g * u + (1 - g) * v
        h = np.tanh(affine(own, f"blocks.{block}.layers.2", z))
        alpha = own[f"blocks.{block}.mix.alpha"]
        phi = alpha * h + (1 - alpha) * phi
    return affine(own, "leave", phi)


def values(network: PirateNet, theta: torch.Tensor, x: ndarray) -> ndarray:
    points = torch.from_numpy(x)[None]
    return forward(network.stack(2, 1), theta[None], points).channels[0, 0].numpy()


def test_the_network_is_that_of_its_equations() -> None:
    network = PirateNet(width=6, blocks=3, scale=2.0)
    random = torch.Generator().manual_seed(0)
    size = network.stack(2, 1).size
    theta = torch.randn(size, generator=random, dtype=torch.float64)
    x = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    expected = written_out(tables(network, theta), x, 3)
    assert np.allclose(values(network, theta, x), expected, rtol=1e-12, atol=1e-12)


def test_it_starts_linear_in_its_features() -> None:
    network = PirateNet(width=6, blocks=3)
    theta = network.initial(2, 1, 4)
    own = tables(network, theta)
    x = np.random.default_rng(1).uniform(-1, 1, (7, 2))
    expected = affine(own, "leave", features(own, x))
    assert np.allclose(values(network, theta, x), expected, rtol=0, atol=1e-14)


def test_directions_are_drawn_with_the_scale_and_weights_by_glorots_rule() -> None:
    network = PirateNet(width=200, blocks=1, scale=2.0)
    own = tables(network, network.initial(2, 1, 0))
    assert own["directions.weight"].std() == pytest.approx(2.0, rel=0.15)
    assert own["blocks.0.layers.1.weight"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.05)
    assert own["encoders.0.weight"].std() == pytest.approx(np.sqrt(2 / 400), rel=0.05)
    assert not own["leave.bias"].any()


def test_an_alpha_is_no_bias_of_another_block() -> None:
    """What asks for layers finds the alpha behind its block's third layer."""
    stack = PirateNet(width=4, blocks=2).stack(2, 1)
    behind = [biases.stop - biases.start for _, biases in stack.places()]
    assert behind == [0, 4, 4, 4, 4, 5, 4, 4, 5, 1]


def least_squares(features: ndarray, values: ndarray) -> ndarray:
    """The shortest solution without the singular values that float32 takes for zero."""
    u, sizes, v = np.linalg.svd(features, full_matrices=False)
    kept = sizes > np.finfo(np.float32).eps * len(features) * sizes[0]
    result: ndarray = v[kept].T @ ((u[:, kept].T @ values) / sizes[kept])
    return result


@pytest.mark.parametrize("inputs", [Raw(), Periodic()], ids=lambda part: part.kind)
def test_the_last_layer_starts_at_the_least_squares_of_the_initial_condition(inputs: Any) -> None:
    """The same at 21 times, as the authors' code repeats it, and without constants."""
    problem = Convection(points_x=8, points_t=6)
    plain, network = PirateNet(width=32), PirateNet(width=32, init="initial_condition")
    disc = Discretization(problem, network, "float64", inputs=inputs)
    theta, drawn = disc.initial(network, 7), network.initial(disc.stack.widths[0], 1, 7)
    assert disc.size == Discretization(problem, plain, "float64", inputs=inputs).size - 1
    assert torch.equal(theta[:-32], drawn[:-32])
    x = 2 * np.pi * qmc.Sobol(1, scramble=False).random_base2(9)[:, 0]
    places, times = np.tile(x, 21), np.linspace(0, 1, 21).repeat(512)
    given = np.stack([places, times], axis=1)
    if isinstance(inputs, Periodic):
        given = np.stack([np.cos(places), np.sin(places), times], axis=1)
    own = theta[: 16 * given.shape[1]].view(16, -1).numpy()
    phi = np.concatenate([np.cos(given @ own.T), np.sin(given @ own.T)], axis=1)
    assert np.allclose(theta[-32:].numpy(), least_squares(phi, np.sin(places)), atol=1e-8)
    there = disc.condition_points["initial"]
    mismatch = disc.values(theta[None], there) - there["target"]
    assert mismatch.square().mean().sqrt() < 0.02


def test_of_several_outputs_each_has_its_own_start_and_others_stay_as_drawn() -> None:
    network = PirateNet(width=32, init="initial_condition")
    for problem, known in [(GrayScott(), 2), (KuramotoSivashinsky(), 1)]:
        disc = Discretization(problem, network, "float64", inputs=Periodic())
        theta, drawn = disc.initial(network, 0), network.initial(disc.stack.widths[0], 2, 0)
        assert torch.equal(theta[:-64], drawn[:-64])
        assert torch.equal(theta[-32:], drawn[-32:]) == (known == 1)
        there = disc.condition_points["initial"]
        found = disc.values(theta[None], there)[..., :known]
        assert (found - there["target"]).square().mean().sqrt() < 0.1 * there["target"].std()


def test_the_first_window_starts_at_the_initial_values_too() -> None:
    problem = Marching(windows=2).problem(Convection(points_x=8, points_t=9), 0)
    points, values = starts(problem)[0]
    assert points[:, 1].max() == 0.5
    assert torch.equal(values, points[:, 0].sin())


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"problem": Poisson()}, "values at the first time t, found poisson, which has none"),
        ({"constraints": "hard"}, "near the initial values, which a form keeps already"),
    ],
)
def test_where_there_is_no_start_it_is_refused(parts: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Configuration(
            **{
                "problem": Convection(),
                "network": PirateNet(width=6, init="initial_condition"),
                "objective": Pinn(),
                "phases": (Adam(steps=3),),
                **parts,
            }
        )


@pytest.mark.parametrize("phase", [Adam(steps=3, learning_rate=1e-2), Muon(steps=3)])
@pytest.mark.parametrize("init", ["glorot", "initial_condition"])
def test_alone_or_packed_the_bits_are_the_same(phase: Any, init: Any) -> None:
    configuration = Configuration(
        problem=Convection(points_x=6, points_t=6),
        network=PirateNet(width=6, blocks=2, init=init),
        inputs=Periodic(),
        objective=Pinn(lambda_b=10.0),
        phases=(phase,),
        record=Record(points=20, gradient_points=10, sketch_every=0),
    )
    pack = [Member(configuration, seed) for seed in range(3)]
    together = [one.digest() for one in train(pack)]
    assert len(set(together)) == 3
    assert [train([member])[0].digest() for member in pack] == together


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"width": 7}, "width must be even, found 7"),
        ({"blocks": 0}, "blocks must be >= 1, found 0"),
        ({"scale": 0.0}, "scale must be > 0, found 0"),
    ],
)
def test_impossible_settings_are_named(bad: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        PirateNet(**bad)
