"""Probes that look at gradients, against dense Jacobians made by autograd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Member, Mlp, Pinn, Regression, train
from pinn_core.networks import ModifiedMlp, ResidualMlp
from pinn_core.probes.alignment_score import AlignmentScore
from pinn_core.probes.gradient_snr import GradientSnr
from pinn_core.probes.kernel_rank import KernelRank
from pinn_core.probes.pairwise_cosine import PairwiseCosine
from pinn_core.probes.points import uniform_points
from pinn_core.probes.propagation import Propagation
from pinn_core.problems import Convection, Heat, Helmholtz
from pinn_core.testing.nesting import network as network_of
from pinn_core.weightings import ResidualAttention
from tests.pinn_core import probed

NETWORKS = [
    Mlp(width=6, depth=2, activation="tanh"),
    Mlp(width=6, depth=2, activation="tanh", parametrization="factorised"),
    ModifiedMlp(width=5, depth=2),
    ResidualMlp(width=5, blocks=1),
]
NAMES = ["mlp", "factorised", "gated", "module"]


def gradients_of(run: probed.Probed, step: int, name: str) -> tuple[Tensor, Tensor]:
    """Of every point's squared mismatch (n, p), and the mismatches (n, q)."""
    disc, theta = run.disc, run.theta(step)
    points = disc.interior if name == "residual" else disc.condition_points[name]

    def of(own: Tensor) -> Tensor:
        effective, _ = disc.parametrization.effective(own[None])
        return probed.mismatches(disc, name, effective[0], points)

    mismatch = of(theta).detach()
    jacobian = torch.autograd.functional.jacobian(of, theta)
    share = points["share"][0] if "share" in points.tables else torch.ones(1, 1)
    return 2 * share * torch.einsum("nq,nqp->np", mismatch, jacobian), mismatch


@pytest.mark.parametrize(
    ("network", "problem"),
    [(network, Heat(points_per_axis=5)) for network in NETWORKS[:3]]
    + [(NETWORKS[0], Helmholtz(points_per_axis=6))],
    ids=[*NAMES[:3], "several segments"],
)
def test_the_ratio_is_that_of_all_points_gradients(network: Any, problem: Any) -> None:
    run = probed.run(GradientSnr(points=1000), network=network, problem=problem)
    for step in (0, 3):
        inside, residual = gradients_of(run, step, "residual")
        outside, _ = gradients_of(run, step, "boundary")
        count = len(inside) + len(outside)
        both = [inside * count / len(inside), 10.0 * outside * count / len(outside)]
        for name, table in {
            "residual": inside,
            "boundary": outside,
            "total": torch.cat(both),
        }.items():
            noise = table.std(0, correction=0).norm() + 1e-8
            expected = float(table.mean(0).norm() / noise)
            assert run.cell(f"gradient_snr/{name}", step) == pytest.approx(expected, rel=1e-7)
        sizes = residual.norm(dim=1)
        homogeneity = float(sizes.std(correction=0) / sizes.mean())
        assert run.cell("gradient_snr/homogeneity", step) == pytest.approx(homogeneity, rel=1e-9)


def test_the_complexity_is_the_mean_squared_slope() -> None:
    run = probed.run(GradientSnr(points=20))
    points = torch.from_numpy(uniform_points(run.disc.problem, 20))[None].requires_grad_()
    values = network_of(run.disc.stack, run.theta(3)[None], points)
    (slopes,) = torch.autograd.grad(values.sum(), points)
    expected = float(slopes[0].square().sum(1).mean())
    assert run.cell("gradient_snr/complexity", 3) == pytest.approx(expected, rel=1e-9)


def test_some_points_stand_for_all_and_the_step_gives_the_signal() -> None:
    every, some = (
        probed.run(GradientSnr(points=points), problem=Heat(points_per_axis=9))
        for points in (1000, 120)
    )
    for name in ("residual", "boundary", "total"):
        full, part = (run.cell(f"gradient_snr/{name}", 2) for run in (every, some))
        assert full != part
        assert part == pytest.approx(full, rel=0.35)


def test_factors_of_points_count() -> None:
    weighting = ResidualAttention()
    parts: dict[str, Any] = {"phases": (Adam(steps=6, learning_rate=1e-2),)}
    plain = probed.run(GradientSnr(points=1000), **parts)
    weighed = probed.run(GradientSnr(points=1000), weighting=weighting, **parts)
    ratios = [
        [run.cell("gradient_snr/residual", step) for step in range(7)] for run in (plain, weighed)
    ]
    assert ratios[0] != ratios[1]
    assert all(0 < ratio < 10 for ratio in ratios[1]), "signal and noise have the same factors"


@pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
def test_kernels_have_the_dense_jacobians_spectrum(network: Any) -> None:
    run = probed.run(KernelRank(points=30), network=network, problem=Heat(points_per_axis=5))
    disc, theta = run.disc, run.theta(3)
    terms = {term.name: term for term in run.configuration.objective.terms(disc)}

    def dense(name: str, count: int) -> Tensor:
        points = terms[name].recorded_points(disc, count).thinned(count, "kernel_rank")

        def of(own: Tensor) -> Tensor:
            effective, _ = disc.parametrization.effective(own[None])
            return probed.mismatches(disc, name, effective[0], points)[:, 0]

        found: Tensor = torch.autograd.functional.jacobian(of, theta)
        return found

    total = torch.cat([dense("residual", 15), 10**0.5 * dense("boundary", 15)]) / 15**0.5
    for name, table in {"residual": dense("residual", 30), "total": total}.items():
        values = np.linalg.svd(table.numpy(), compute_uv=False) ** 2
        values = np.concatenate([values, np.zeros(len(table) - len(values))])
        shares = values[values > 0] / values.sum()
        expected = {
            "effective_rank": np.exp(-(shares * np.log(shares)).sum()),
            "participation_ratio": values.sum() ** 2 / (values**2).sum(),
            "largest": values.max(),
        }
        for column, number in expected.items():
            assert run.cell(f"kernel_rank/{name}/{column}", 3) == pytest.approx(number, rel=1e-6)
        smallest = run.cell(f"kernel_rank/{name}/smallest", 3)
        assert smallest == pytest.approx(values.min(), abs=1e-13 * values.max())


def test_a_loss_of_one_term_has_its_kernel_twice() -> None:
    run = probed.run(KernelRank(points=20), objective=Regression())
    one, total = (
        run.cell(f"kernel_rank/{name}/effective_rank") for name in ("regression", "total")
    )
    assert one == pytest.approx(total, rel=1e-12)


def test_for_two_terms_the_score_is_their_cosine() -> None:
    record = replace(probed.RECORD, probes=(AlignmentScore(every=1), PairwiseCosine(every=1)))
    run = probed.run(AlignmentScore(), record=record)
    for step in range(4):
        cosine = run.cell("pairwise_cosine/residual_boundary", step)
        assert run.cell("alignment_score/terms", step) == pytest.approx(cosine, abs=1e-12)


def test_the_score_of_three_terms_is_that_of_the_mean_direction() -> None:
    run = probed.run(AlignmentScore(), problem=Convection(points_x=8, points_t=6))
    disc = run.disc
    assert len(disc.conditions) == 2
    theta = torch.nn.functional.pad(run.theta(3)[None], (0, 64))[:, : run.disc.size]
    units = []
    for term in run.configuration.objective.terms(disc):
        points = {"residual": disc.collocation, **disc.condition_points}[term.name]
        leaf = theta.clone().requires_grad_()
        loss = term.differentiable_loss(disc, leaf, points)
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        units.append(gradient[0] / gradient[0].norm())
    expected = float(2 * torch.stack(units).mean(0).square().sum() - 1)
    assert run.cell("alignment_score/terms", 3) == pytest.approx(expected, rel=1e-9)


def test_one_term_has_no_score() -> None:
    run = probed.run(AlignmentScore(), objective=Regression())
    assert not [name for name in run.table.column_names if name.startswith("alignment_score/")]


@pytest.mark.parametrize("network", NETWORKS, ids=NAMES)
def test_neighbours_go_together_as_their_gradients_do(network: Any) -> None:
    run = probed.run(Propagation(points=4), network=network, problem=Helmholtz(points_per_axis=6))
    disc, theta = run.disc, run.theta(3)
    firsts = torch.from_numpy(uniform_points(disc.problem, 4))

    def gradients(points: Tensor) -> Tensor:
        def of(own: Tensor) -> Tensor:
            effective, _ = disc.parametrization.effective(own[None])
            return network_of(disc.stack, effective, points[None])[0, :, 0]

        found: Tensor = torch.autograd.functional.jacobian(of, theta)
        return found

    for axis, coordinate in enumerate("xy"):
        for name, share in (("1_32", 1 / 32), ("1_8", 1 / 8)):
            step = torch.zeros(2, dtype=torch.float64)
            step[axis] = 2.0 * share  # the domain is [-1, 1]^2
            cosine = torch.nn.functional.cosine_similarity(
                gradients(firsts), gradients(firsts + step), dim=1
            )
            found = run.cell(f"propagation/{coordinate}/{name}", 3)
            assert found == pytest.approx(float(cosine.mean()), rel=1e-9)


PACKED = [
    GradientSnr(points=40),
    KernelRank(points=20),
    AlignmentScore(),
    Propagation(points=10),
]


@pytest.mark.parametrize("probe", PACKED, ids=lambda probe: probe.kind)
def test_a_batch_of_each_members_own_points_serves(probe: Any) -> None:
    one = probed.run(probe, objective=Pinn(batch=30)).configuration
    members = [Member(one, seed) for seed in (1, 0)]
    packed, alone = train(members)[1], train(members[1:])[0]
    columns = [name for name in packed.table.column_names if name.startswith(probe.kind)]
    assert columns
    for name in columns:
        assert packed.table[name].equals(alone.table[name]), name
        assert None not in packed.table[name].to_pylist(), name
