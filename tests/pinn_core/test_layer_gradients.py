"""The lengths of the terms' gradients, layer by layer, against autograd on a network of torch's."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, train
from pinn_core.probes.layer_gradients import LayerGradients
from pinn_core.problems import Heat


def test_they_are_those_of_autograd_in_every_layer() -> None:
    network = Mlp(width=6, depth=2, activation="tanh")
    record = Record(probes=(LayerGradients(every=2),))
    configuration = Configuration(
        problem=Heat(points_per_axis=5),
        network=network,
        objective=Pinn(),
        phases=(Adam(steps=3),),
        record=record,
        precision="float64",
    )
    table = train([Member(configuration, seed) for seed in (0, 1)])[1].table
    assert [cell is not None for cell in table["layer_gradients/boundary"].to_pylist()] == [
        *(True, False, True, False)
    ]
    grid = Heat(points_per_axis=5).grid().supervised
    points, exact = torch.from_numpy(grid.coordinates), torch.from_numpy(grid.exact)
    flat = network.initial(3, 1, 1)
    layers: list[tuple[Tensor, Tensor]] = []
    for inputs, outputs in ((3, 6), (6, 6), (6, 1)):
        weights, biases, flat = flat.split(
            [inputs * outputs, outputs, flat.numel() - (inputs + 1) * outputs]
        )
        layers.append((weights.view(outputs, inputs).requires_grad_(), biases))
    values = points
    for number, (weights, biases) in enumerate(layers):
        values = values @ weights.T + biases
        values = values.tanh() if number < 2 else values
    (values - exact).square().mean().backward()
    expected = [float(weights.grad.norm()) for weights, _ in layers if weights.grad is not None]
    assert np.allclose(table["layer_gradients/boundary"][0].as_py(), expected, rtol=1e-9)
