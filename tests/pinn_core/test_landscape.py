"""Hessians, tangent kernels and histograms against dense ones, and when they are recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Heat, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.discretization.discretization import Discretization
from pinn_core.engine.stack import padded
from pinn_core.objectives.tangent_kernel import jacobian
from pinn_core.objectives.term import Term
from pinn_core.objectives.terms import fit_term, problem_terms
from pinn_core.probes import hessian, histograms, lanczos, largest, quadrature
from pinn_core.probes.tangent import kernel_eigenvalues
from pinn_core.problems import Burgers, Helmholtz, KleinGordon, Problem
from pinn_core.records.trajectory import landscape_columns, read_histograms, read_spectrum
from pinn_core.testing.nesting import derivatives
from pinn_core.training.footprint import estimated_bytes

NET = Mlp(width=4, depth=2, activation="tanh", init="glorot")
PROBLEMS: dict[str, Problem] = {
    "heat": Heat(points_per_axis=5),
    "helmholtz": Helmholtz(points_per_axis=6),
    "klein_gordon": KleinGordon(points_per_axis=6),
    "burgers": Burgers(points_x=6, points_t=5),
}
EVERY = Record(
    points=40,
    gradients_every=5,
    gradient_points=20,
    full_every=4,
    sketch_every=3,
    histograms_every=2,
    curvature_every=4,
    spectrum_every=3,
    kernel_every=3,
)


@pytest.fixture
def few_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that trainings which only ask what is recorded take no time."""
    monkeypatch.setattr("pinn_core.probes.landscape.CURVATURE_STEPS", 3)
    monkeypatch.setattr("pinn_core.probes.landscape.SPECTRUM_STEPS", 4)


def field_of(problem: str) -> Discretization:
    return Discretization(PROBLEMS[problem], NET, "float64", backend="eager")


def parameters(disc: Discretization, members: int = 1) -> Tensor:
    rows = [disc.initial(NET, seed) + 0.1 for seed in range(members)]
    return torch.nn.functional.pad(torch.stack(rows), (0, padded(disc.size) - disc.size))


def terms(disc: Discretization) -> dict[str, Term]:
    return {term.name: term for term in (*problem_terms(disc), fit_term(disc))}


def point_set_of(disc: Discretization, term: str) -> Any:
    grid = {"residual": disc.interior, "regression": disc.grid}
    return {**grid, **disc.condition_points}[term].thinned(30, "test")


def term_of(disc: Discretization, theta: Tensor, name: str) -> Any:
    return terms(disc)[name].loss_and_gradient(disc, theta, point_set_of(disc, name))[0]


def product_of(disc: Discretization, theta: Tensor, name: str) -> Any:
    term, point_set = terms(disc)[name], point_set_of(disc, name)
    return hessian(lambda own: term.differentiable_loss(disc, own, point_set), theta)


def dense(disc: Discretization, theta: Tensor, name: str) -> Tensor:
    """The Hessian (P, P) by torch's own functions, on nested derivatives by the coordinates."""

    def loss(own: Tensor) -> Tensor:
        point_set = point_set_of(disc, name)
        operators = disc.operators if name == "residual" else ()
        condition = disc.conditions.get(name)
        if condition is not None:
            operators = condition.operators
        values = derivatives(disc.stack, own[None], point_set.coordinates, operators)
        parts = list(values.unbind(1))
        for index, op in enumerate(operators, start=1):
            parts[index] = parts[index] + op.zeroth * parts[0]
        if name == "residual":
            mismatch = disc.problem.residual(torch.stack(parts, 1), point_set.coordinates)
        elif name == "regression":
            mismatch = parts[0] - point_set["reference"]
        else:
            found = [parts[place][..., output] for ((place, output),) in condition.places]
            mismatch = torch.stack(found, 2) - point_set["target"]
        squares = mismatch.square()
        if condition is not None and "share" in point_set.tables:
            squares = squares * point_set["share"]
        return squares.sum() / len(point_set)

    return torch.autograd.functional.hessian(loss, theta[0])


@pytest.mark.parametrize("problem", ["heat", "helmholtz", "klein_gordon"])
def test_a_product_is_the_dense_hessians(problem: str) -> None:
    disc = field_of(problem)
    theta = parameters(disc)
    vector = torch.randn(theta.shape, generator=torch.Generator().manual_seed(0)).double()
    for name in terms(disc):
        found = product_of(disc, theta, name)(vector)
        expected = dense(disc, theta, name) @ vector[0]
        assert torch.allclose(found[0], expected, rtol=1e-9, atol=1e-9 * float(expected.norm()))


@pytest.mark.parametrize("problem", list(PROBLEMS))
def test_the_differentiable_loss_is_the_terms(problem: str) -> None:
    disc = field_of(problem)
    theta = parameters(disc, members=2).requires_grad_()
    for name, term in terms(disc).items():
        loss = term.differentiable_loss(disc, theta, point_set_of(disc, name))
        (gradient,) = torch.autograd.grad(loss.sum(), theta)
        known = term_of(disc, theta.detach(), name)
        assert torch.allclose(loss, known.loss, rtol=1e-12)
        assert torch.allclose(gradient, known.gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["residual", "boundary", "regression"])
def test_the_largest_eigenvalue_is_the_dense_one(name: str) -> None:
    disc = field_of("helmholtz")
    theta = parameters(disc)
    eigenvalues = torch.linalg.eigvalsh(dense(disc, theta, name))
    start = torch.nn.functional.pad(torch.ones(1, disc.size).double(), (0, 32 - disc.size % 32))
    diagonal, beside = lanczos(product_of(disc, theta, name), start[:, : theta.shape[1]], 24)
    assert largest(diagonal[0].numpy(), beside[0].numpy()) == pytest.approx(float(eigenvalues[-1]))


def matrix(eigenvalues: Tensor) -> Tensor:
    size = len(eigenvalues)
    random = torch.randn(size, size, generator=torch.Generator().manual_seed(1)).double()
    q, _ = torch.linalg.qr(random)
    return q @ torch.diag(eigenvalues) @ q.T


def density(table: Tensor, steps: int, probes: int) -> tuple[np.ndarray, np.ndarray]:
    random = torch.Generator().manual_seed(2)
    rules = []
    for _ in range(probes):
        start = torch.randn(1, len(table), generator=random, dtype=torch.float64)
        diagonal, beside = lanczos(lambda v: v @ table, start, steps)
        rules.append(quadrature(diagonal[0].numpy(), beside[0].numpy()))
    nodes, weights = (np.concatenate(part) for part in zip(*rules, strict=True))
    return nodes, weights / probes


def test_the_quadrature_has_the_moments_of_the_spectrum() -> None:
    eigenvalues = torch.cat([torch.linspace(-1, 1, 190).double(), torch.tensor([5.0, 20.0])])
    nodes, weights = density(matrix(eigenvalues.double()), steps=12, probes=100)
    assert weights.sum() == pytest.approx(1)
    assert (weights * (nodes < 2)).sum() == pytest.approx(190 / 192, abs=2e-3)
    for power in (1, 2):
        moment = float(eigenvalues.double().pow(power).mean())
        assert (weights * nodes**power).sum() == pytest.approx(moment, rel=0.25)
    assert nodes.max() == pytest.approx(20)


def test_a_spent_krylov_space_adds_no_eigenvalue() -> None:
    table = matrix(torch.tensor([-3.0, -3.0, -2.0, -1.0, -1.0]).double())
    diagonal, beside = lanczos(lambda v: v @ table, torch.ones(1, 5).double(), 12)
    nodes, weights = quadrature(diagonal[0].numpy(), beside[0].numpy())
    assert largest(diagonal[0].numpy(), beside[0].numpy()) == pytest.approx(-1)
    assert sorted(set(nodes[weights > 1e-12].round(9))) == [-3, -2, -1]


def test_kernels_are_those_of_dense_jacobians() -> None:
    disc = field_of("klein_gordon")
    theta = parameters(disc, members=2)
    asked = problem_terms(disc)
    point_sets = {term.name: point_set_of(disc, term.name) for term in asked}
    found = kernel_eigenvalues(disc, theta, asked, point_sets, 1)
    tables = {term.name: jacobian(disc, theta, term, point_sets[term.name], 1) for term in asked}
    assert list(found) == ["total", *point_sets]
    for name, table in {**tables, "total": torch.cat(list(tables.values()))}.items():
        expected = torch.linalg.svdvals(table).square()
        kept = len(expected)
        assert torch.allclose(found[name][:kept], expected, atol=1e-10 * float(expected[0]))
        assert found[name][kept:].abs().max() < 1e-10 * expected[0] if kept < len(table) else True


def test_histograms_count_every_weight_in_its_bin() -> None:
    entries = torch.tensor([[0.0, -8.0, 4.0, 8e-7, 1e-9, -0.5, 8.0, 3.0], [0.0] * 8])
    found = histograms(entries, [slice(0, 7), slice(7, 8)])
    edges, counts = read_histograms(found[0].flatten().tolist())
    assert counts.sum(1).tolist() == [7, 1]
    expected, _ = np.histogram(entries[0, :7].double().numpy(), edges[0])
    assert counts[0].tolist() == expected.tolist()
    assert edges[:, [0, -1]].tolist() == [[-8, 8], [-3, 3]]
    _, nothing = read_histograms(found[1].flatten().tolist())
    assert nothing[:, nothing.shape[1] // 2].tolist() == [7, 1]


def configuration(regression: bool = False, record: Record = EVERY, **more: Any) -> Configuration:
    objective = Regression(batch=16) if regression else Pinn(lambda_b=10.0, batch=16)
    fixed: dict[str, Any] = {
        "problem": Helmholtz(points_per_axis=7),
        "network": NET,
        "objective": objective,
        "phases": (Adam(steps=4),),
        "record": record,
    }
    return Configuration(**{**fixed, **more})


DUE = {"histogram": 2, "curvature": 4, "spectrum": 3, "kernel": 3}


@pytest.mark.usefixtures("few_products")
@pytest.mark.parametrize("regression", [False, True])
def test_what_is_due_is_there_and_nothing_else(regression: bool) -> None:
    found = train([Member(configuration(regression), 0)])[0].table
    names = ["regression"] if regression else ["residual", "boundary"]
    expected = landscape_columns(names, DUE)
    assert expected.keys() == {name for name in found.column_names if name.split("/")[0] in DUE}
    for name in expected:
        every = DUE[name.partition("/")[0]]
        due = found.column(name).is_valid().to_numpy(zero_copy_only=False)
        assert np.flatnonzero(due).tolist() == list(range(0, 5, every))
    assert found.schema.field(f"spectrum/{names[0]}").type == pa.list_(pa.float64())


@pytest.mark.usefixtures("few_products")
def test_by_default_nothing_is_recorded_and_nothing_else_changes() -> None:
    plain = replace(EVERY, histograms_every=0, curvature_every=0, spectrum_every=0, kernel_every=0)
    without, found = (
        train([Member(configuration(record=record), 0)])[0].table for record in (plain, EVERY)
    )
    assert not [name for name in without.column_names if name.split("/")[0] in DUE]
    for name in without.column_names:
        if not name.startswith("time/"):
            assert found.column(name).equals(without.column(name))


def test_what_is_recorded_is_of_the_parameters_of_its_row() -> None:
    one = configuration(precision="float64")
    found = train([Member(one, 3)], backend="eager", stop_after=1)[0].table
    disc = Discretization(one.problem, NET, "float64", backend="eager")
    theta = torch.nn.functional.pad(disc.initial(NET, 3)[None], (0, padded(disc.size) - 33))
    theta = theta[:, : padded(disc.size)]
    inside = disc.interior.thinned(20, "gradient")
    equation, boundary = problem_terms(disc)
    gradient = equation.loss_and_gradient(disc, theta, inside)[0].gradient
    edges, counts = read_histograms(found["histogram/residual"][0].as_py())
    assert counts.sum(1).tolist() == [8, 16, 4]
    weights = gradient[0, disc.stack.places()[1][0]]
    assert edges[1, -1] == pytest.approx(float(weights.abs().max()), rel=1e-9)

    def total(own: Tensor) -> Tensor:
        residual = equation.differentiable_loss(disc, own, inside)
        return residual + 10 * boundary.differentiable_loss(
            disc, own, disc.condition_points["boundary"]
        )

    product = hessian(total, theta)
    table = torch.cat([product(row[None]) for row in torch.eye(theta.shape[1]).double()])
    eigenvalues = torch.linalg.eigvalsh(table[: disc.size, : disc.size])
    assert found["curvature/total"][0].as_py() == pytest.approx(float(eigenvalues[-1]))
    nodes, weights = read_spectrum(found["spectrum/total"][0].as_py())
    assert weights.sum() == pytest.approx(1)
    assert nodes.max() == pytest.approx(float(eigenvalues[-1]))
    mean = (weights * nodes).sum()
    assert abs(mean) < eigenvalues.abs().max()
    assert len(found["kernel/total"][0].as_py()) == 20 + len(disc.condition_points["boundary"])


@pytest.mark.usefixtures("few_products")
@pytest.mark.parametrize(("regression", "backend"), [(False, "auto"), (True, "eager")])
def test_a_member_is_the_same_in_any_pack(regression: bool, backend: str) -> None:
    one = configuration(regression, problem=KleinGordon(points_per_axis=5))
    pack = [Member(one, seed) for seed in range(2)]
    together = train(pack, backend=backend)
    turned = train(pack[::-1], backend=backend)[::-1]
    alone = [train([member], backend=backend, threads=2)[0] for member in pack]
    for own, other, single in zip(together, turned, alone, strict=True):
        assert own.digest() == other.digest() == single.digest()


@pytest.mark.usefixtures("few_products")
def test_a_diverged_member_has_nulls_and_its_neighbour_its_numbers() -> None:
    rates = (1e36, 1e-3)
    one = configuration()
    pack = [Member(replace(one, phases=(Adam(steps=4, learning_rate=r),)), 0) for r in rates]
    wild, calm = train(pack)
    assert wild.diverged_at is not None
    for name in landscape_columns(["residual", "boundary"], DUE):
        assert wild.table.column(name)[0].is_valid
        assert not wild.table.column(name)[4].is_valid
    assert calm.digest() == train(pack[1:])[0].digest()


@pytest.mark.usefixtures("few_products")
def test_the_digest_covers_lists() -> None:
    found = train([Member(configuration(), 0)])[0]
    place = found.table.column_names.index("spectrum/total")
    cells = found.table["spectrum/total"].to_pylist()
    cells[0][0] += 1e-9
    changed = pa.array(cells, type=pa.list_(pa.float64()))
    other = replace(found, table=found.table.set_column(place, "spectrum/total", changed))
    assert other.digest() != found.digest()


def test_the_estimate_of_memory_knows_of_them() -> None:
    plain = replace(EVERY, histograms_every=0, curvature_every=0, spectrum_every=0, kernel_every=0)
    least = estimated_bytes(configuration(record=plain))
    for name in ("histograms_every", "curvature_every", "spectrum_every", "kernel_every"):
        assert estimated_bytes(configuration(record=replace(plain, **{name: 1}))) > least
