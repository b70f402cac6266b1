"""Ranks of the hidden layers' features, against numpy on layers written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.hidden import hidden_states, hidden_widths
from pinn_core.networks import Mlp, ModifiedMlp, ModuleNetwork, ResidualMlp
from pinn_core.probes.feature_rank import FeatureRank
from pinn_core.probes.hidden_cosine import HiddenCosine, mean_cosine
from pinn_core.probes.points import points_between, uniform_points
from pinn_core.probes.spectra import effective_rank, eigenvalues, participation_ratio, rank_above
from pinn_core.problems import Burgers, Heat, PoissonDisc
from pinn_core.testing.nesting import network as network_of
from tests.pinn_core import probed
from tests.pinn_core.small import problem_of


def states_of(run: probed.Probed, step: int, points: Any) -> list[Any]:
    """The hidden states of a multilayer perceptron of tanh, in numpy."""
    h, states = points, []
    flat = run.theta(step)[None, : run.disc.size]
    for weights, biases in run.disc.stack.layers(flat)[:-1]:
        h = np.tanh(h @ weights[0].numpy().T + biases[0].numpy())
        states.append(h)
    return states


def lattice(count: int, axes: int) -> Any:
    mids = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(*[mids] * axes, indexing="ij"), -1).reshape(-1, axes)


def test_ranks_are_those_of_the_mean_products_of_the_features() -> None:
    run = probed.run(FeatureRank(points=60))
    for step in (0, 3):
        names = zip(("hidden_1", "last"), states_of(run, step, lattice(4, 3)), strict=True)
        for layer, h in names:
            values = np.linalg.svd(h / 8.0, compute_uv=False) ** 2
            for name in ("1e-2", "1e-4", "1e-6", "1e-8"):
                found = run.cell(f"feature_rank/{layer}/rank_{name}", step)
                assert found == (values > float(name)).sum()
            shares = values / values.sum()
            entropy = -(shares * np.log(shares)).sum()
            found = run.cell(f"feature_rank/{layer}/effective_rank", step)
            assert found == pytest.approx(np.exp(entropy), rel=1e-9)


@pytest.mark.parametrize("constraints", ["soft", "hard"])
def test_the_error_is_that_of_the_best_last_layer(constraints: Any) -> None:
    problem = problem_of("helmholtz")
    run = probed.run(FeatureRank(points=2000), problem=problem, constraints=constraints)
    grid = run.disc.grid
    points, exact = grid.coordinates[0].numpy(), grid["exact"][0].numpy()
    features = states_of(run, 3, points)[-1]
    columns = np.concatenate([features, np.ones((len(points), 1))], axis=1)
    wide = torch.from_numpy(columns)[None]
    lift = run.disc.formed(torch.zeros_like(wide[..., :1]), grid.coordinates)
    basis = (run.disc.formed(wide, grid.coordinates) - lift)[0].numpy()
    wanted = exact - lift[0].numpy()
    best = np.linalg.lstsq(basis, wanted, rcond=None)[0]
    expected = np.linalg.norm(basis @ best - wanted) / np.linalg.norm(exact)
    assert run.cell("feature_rank/least_squares_error", 3) == pytest.approx(expected, rel=1e-7)
    error = run.cell("error/relative_l2", 3)
    assert expected < error, "the trained last layer is no better than the best"


@pytest.mark.parametrize("kind", [FeatureRank, HiddenCosine])
def test_the_last_layer_alone_has_the_same_columns(kind: Any) -> None:
    every, last = (probed.run(kind(points=60, layers=layers)) for layers in ("all", "last"))
    names = [name for name in last.table.column_names if name.startswith(f"{kind.kind}/")]
    assert names
    assert not [name for name in names if "hidden_1" in name]
    for name in names:
        assert last.table[name].equals(every.table[name]), name


def test_a_solution_that_is_not_known_has_no_such_error() -> None:
    columns = probed.run(FeatureRank(), problem=problem_of("cavity_stream")).table.column_names
    assert "feature_rank/last/rank_1e-4" in columns
    assert "feature_rank/least_squares_error" not in columns, "errors are of derivatives there"


@pytest.mark.parametrize(
    "network",
    [
        Mlp(width=5, depth=3, activation="gelu"),
        ModifiedMlp(width=5, depth=2),
        ModifiedMlp(width=5, depth=3, variant="paper"),
        ResidualMlp(width=5, blocks=2),
    ],
    ids=["mlp", "gated", "gated as in the paper", "module"],
)
def test_the_last_layers_map_makes_the_networks_values_of_the_last_states(network: Any) -> None:
    disc = Discretization(Heat(points_per_axis=5), network, "float64")
    theta = torch.stack([disc.initial(network, seed) for seed in (0, 1)])
    points = disc.interior.coordinates[0]
    states = hidden_states(disc.stack, theta, points)
    assert tuple(h.shape[2] for h in states) == hidden_widths(disc.stack)
    last, behind = disc.stack.places()[-1]
    weights, biases = theta[:, last].view(2, 1, -1), theta[:, behind]
    values = states[-1] @ weights.mT + biases[:, None]
    assert torch.allclose(values, network_of(disc.stack, theta, points[None]), rtol=1e-10)


class _Cubes(torch.nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.factors = torch.nn.Parameter(torch.ones(inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.factors * x**3).sum(1, keepdim=True)


class Cubes(ModuleNetwork):
    def module(self, inputs: int, outputs: int) -> torch.nn.Module:  # noqa: ARG002
        return _Cubes(inputs)


@pytest.mark.parametrize("probe", [FeatureRank(), HiddenCosine()])
def test_a_module_without_layers_is_refused_before_anything_starts(probe: Any) -> None:
    message = f"probe {probe.kind}: the module _Cubes has no hidden layer that can be looked at"
    with pytest.raises(ValueError, match=message):
        probed.run(probe, network=Cubes())


def test_equal_eigenvalues_count_and_nothing_is_made_of_nan() -> None:
    matrices = torch.stack([torch.eye(4), torch.ones(4, 4), torch.full((4, 4), torch.nan)])
    spectrum = eigenvalues(matrices.double())
    for measure in (effective_rank, participation_ratio):
        found = measure(spectrum)
        assert found[:2].tolist() == pytest.approx([4.0, 1.0])
        assert found[2].isnan()
    ranks = rank_above(spectrum, 0.5)
    assert ranks[:2].tolist() == [4, 1]
    assert ranks[2].isnan()


def test_cosines_are_means_over_all_pairs() -> None:
    run = probed.run(HiddenCosine(points=60))
    for layer, h in zip(("hidden_1", "last"), states_of(run, 3, lattice(4, 3)), strict=True):
        units = h / np.linalg.norm(h, axis=1, keepdims=True)
        cosines = (units @ units.T)[~np.eye(len(units), dtype=bool)]
        assert run.cell(f"hidden_cosine/{layer}", 3) == pytest.approx(cosines.mean(), rel=1e-9)


def test_states_without_a_direction_are_left_out() -> None:
    states = torch.tensor([[[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    assert mean_cosine(states).tolist() == pytest.approx([0.5**0.5])
    assert mean_cosine(torch.zeros(1, 3, 2)).isnan().all()


@pytest.mark.parametrize("problem", [Burgers(), Heat(), PoissonDisc()])
def test_points_fill_the_domain_and_those_between_are_none_of_the_grid(problem: Any) -> None:
    points = uniform_points(problem, 1024)
    assert 1024 <= len(points) < 1400
    assert problem.domain.holds(points).all()
    between = points_between(problem, 500)
    assert between.shape == (500, len(problem.coordinates))
    assert problem.domain.holds(between).all()
    grid = problem.grid()
    known = np.concatenate([grid.interior.coordinates, grid.supervised.coordinates])
    assert not {*map(tuple, known)} & {*map(tuple, between)}


def test_the_midpoints_of_a_lattices_cells_come_first() -> None:
    between = points_between(Heat(points_per_axis=5), 70)
    assert np.allclose(between[:64], lattice(4, 3))
    assert not np.allclose(between[64:] % 0.125, 0)
