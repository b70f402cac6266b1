"""A first layer whose neurons are spread over directions, steepnesses and places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pinn_core.inputs import Fourier, Raw, Scaled
from pinn_core.networks import Mlp, ModifiedMlp
from pinn_core.networks.spread import MOST_INPUTS
from pinn_core.probes.feature_rank import FeatureRank
from pinn_core.problems import Burgers, Heat, Poisson
from pinn_core.testing import check
from tests.pinn_core import probed

SYMMETRIC = Scaled(to="symmetric")


def first_layer(inputs: int, width: int = 64, seed: int = 0) -> tuple[Any, Any]:
    network = Mlp(width=width, depth=2, init="spread")
    (weights, biases), *_ = network.stack(inputs, 1).layers(network.initial(inputs, 1, seed)[None])
    return weights[0].numpy(), biases[0].numpy()


def test_one_input_has_both_directions_and_a_centre_in_every_part_of_the_interval() -> None:
    weights, biases = first_layer(1)
    assert (np.sign(weights[:, 0]) == np.tile([-1, 1], 32)).all()
    centres = -biases / weights[:, 0]
    assert sorted(np.floor((centres + 1) * 32)) == list(range(64))


def test_directions_of_two_inputs_are_equally_spaced_on_the_half_circle() -> None:
    weights, _ = first_layer(2)
    angles = np.sort(np.arctan2(weights[:, 1], weights[:, 0]) % np.pi)
    assert np.allclose(np.diff(angles), np.pi / 64)


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_steepness_is_log_uniform_and_every_neurons_middle_crosses_the_box(inputs: int) -> None:
    weights, biases = first_layer(inputs, width=512)
    lengths = np.linalg.norm(weights, axis=1)
    shares = np.log(lengths) / (np.log(512) / inputs)
    assert shares.min() >= 0 and shares.max() <= 1
    quarters = np.histogram(shares, bins=4, range=(0, 1))[0]
    assert (abs(quarters - 128) < 40).all()
    assert (abs(biases) <= abs(weights).sum(1)).all()  # |w c| of some c in the box


def test_all_other_layers_are_drawn_as_glorots() -> None:
    network = ModifiedMlp(width=200, depth=2, init="spread")
    stack, flat = network.stack(2, 1), network.initial(2, 1, 3)[None]
    _, (hidden, biases), (last, end) = stack.layers(flat)
    assert abs(hidden.std() / (2 / 400) ** 0.5 - 1) < 0.02
    assert abs(last.std() / (2 / 201) ** 0.5 - 1) < 0.2
    assert not biases.any() and not end.any()
    for weights, encoder_biases in stack.encoders(flat):
        assert abs(weights.std() / (2 / 202) ** 0.5 - 1) < 0.2
        assert encoder_biases.all()
    assert not torch.equal(flat, network.initial(2, 1, 4)[None])


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        (Mlp, Poisson()),
        (Mlp, Burgers()),
        (Mlp, Heat(points_per_axis=6)),
        (ModifiedMlp, Poisson()),
        (ModifiedMlp, Burgers()),
    ],
)
@pytest.mark.parametrize("inputs", [Raw(), SYMMETRIC], ids=lambda part: part.kind)
def test_the_last_layers_rank_is_half_as_large_again_as_glorots(
    network: Any, problem: Any, inputs: Any
) -> None:
    ranks = {}
    for init in ("glorot", "spread"):
        made = network(width=32, depth=2, activation="tanh", init=init)
        probe = FeatureRank(points=400, layers="last")
        run = probed.run(probe, problem=problem, network=made, inputs=inputs)
        ranks[init] = run.cell("feature_rank/last/rank_1e-6")
    assert ranks["spread"] >= 1.5 * ranks["glorot"]


@pytest.mark.parametrize("kind", [Mlp, ModifiedMlp])
def test_a_network_drawn_so_keeps_the_contract(kind: Any) -> None:
    check(kind(width=8, depth=2, init="spread"))


def test_more_inputs_than_sobols_sequence_has_axes_are_refused() -> None:
    assert Mlp(width=2, depth=1, init="spread").stack(MOST_INPUTS, 1).size
    many = Fourier(count=MOST_INPUTS + 2)
    network = Mlp(width=2, depth=1, init="spread")
    with pytest.raises(ValueError, match=r"spread takes up to 10000 inputs, found 10002: allowed"):
        probed.run(FeatureRank(), problem=Burgers(), inputs=many, network=network)
