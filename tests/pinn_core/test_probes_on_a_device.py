"""Probes with fake tensors of a CUDA device: all members together, nothing left on the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pinn_core.engine.backends.fused import Fused
from pinn_core.networks import ModifiedMlp
from pinn_core.probes import Moment, Phase, Setup
from pinn_core.probes.alignment_score import AlignmentScore
from pinn_core.probes.gradient_snr import GradientSnr
from pinn_core.probes.held_out_ratio import HeldOutRatio
from pinn_core.probes.hidden_cosine import HiddenCosine
from pinn_core.probes.kernel_rank import KernelRank
from pinn_core.probes.propagation import Propagation
from pinn_core.problems import Helmholtz
from pinn_core.training.hessian_products import HessianProducts
from pinn_core.training.pack import Pack
from tests.pinn_core.fake_cuda import DEVICE, fake_cuda
from tests.pinn_core.test_fake_cuda import short

PROBES = [
    AlignmentScore(),
    GradientSnr(points=9),
    HeldOutRatio(density=2),
    HiddenCosine(points=9),
    KernelRank(points=9),
    Propagation(points=4),
]


def adjoints(of: Any, by: Any, *_: Any, **__: Any) -> Any:
    """In the shape of the way back, which autograd makes on real devices alone."""
    return [torch.zeros_like(each) for each in by]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.kind)
def test_what_they_measure_is_of_all_members_and_on_the_device(
    probe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fused, "__call__", lambda fused, *arguments: fused._function(*arguments))
    monkeypatch.setattr(torch.autograd, "grad", adjoints)
    one = short(network=ModifiedMlp(width=8, depth=2), problem=Helmholtz(points_per_axis=7))
    with torch.no_grad(), fake_cuda():
        pack = Pack([one, one], [0, 1], DEVICE, 1, "auto")
        pack._prepare(0)
        state, setup = pack.state, Setup(pack.disc, pack.loss.terms)
        moment = Moment(
            setup=setup,
            step=0,
            parameters=state.parameters,
            evaluation=pack.loss.here(),
            weights=state.weights,
            batch=pack.loss.batch,
            factors={},
            update=None,
            phase=Phase(pack.optimizer, pack.settings, state.optimizer, 0),
            products=HessianProducts(
                pack.disc, pack.loss.weights, pack.loss.batch, state.parameters.double()
            ),
        )
        found = probe.measure(moment)
        assert found.keys() == probe.columns(setup).keys()
        for name, numbers in found.items():
            assert numbers.shape == (2,), name
            assert str(numbers.device) == DEVICE, name
