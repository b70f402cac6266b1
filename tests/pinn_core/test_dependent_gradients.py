"""Aggregations and alignment of gradients that vanish, repeat, cancel or differ by 1e8 in length.

The gradients are integers, so that the solutions they are compared with are exact: rational numbers
where there is a formula, the duality gap where there is an optimum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest
import torch
from numpy import ndarray
from scipy.optimize import nnls

from pinn_core import Adam, Member, Mlp, Pinn, Record, train
from pinn_core.aggregations import IMTLG, CAGrad, ConFIG, PCGrad, UPGrad
from pinn_core.alignments import GUA, Proposal
from pinn_core.configuration import Configuration
from pinn_core.optimizers import StepContext
from pinn_core.problems import Wave
from pinn_core.randomness import generator

SEED, STEP = 7, 3
TERMS = range(2, 7)
FAMILIES = ("plain", "zero", "parallel", "opposite", "dependent", "cancelling", "far", "mixed")
Row = Sequence[Fraction]


@cache
def pack(terms: int) -> dict[str, ndarray]:
    """Every member's gradients (t, P), integers in float64; P may be smaller than t."""
    rng = np.random.default_rng(terms)
    return {
        f"{family}, {size} parameters": _example(family, terms, size, rng)
        for family in FAMILIES
        for size in (3, 7)
    }


def _example(family: str, terms: int, size: int, rng: np.random.Generator) -> ndarray:
    own = rng.integers(-9, 10, (terms, size)).astype(float)
    first, other, last = (*rng.permutation(terms), 0)[:3]
    factor = rng.integers(1, 5)
    match family:
        case "zero":
            own[first] = 0
        case "parallel":
            own[other] = factor * own[first]
        case "opposite":
            own[other] = -factor * own[first]
        case "dependent" if terms > 2:
            own[last] = own[first] + factor * own[other]
        case "cancelling" if terms > 2:
            own[last] = -own[first] - factor * own[other]
        case "far":
            own[: terms // 2] *= 1e8
        case "mixed":
            own[other] = -1e8 * own[first]
            own[last] = 0 if terms > 2 else own[last]
    return own


def weights(aggregation: Any, members: Iterable[ndarray]) -> ndarray:
    gramian = np.stack([own @ own.T for own in members])
    count = len(gramian)
    settings = {
        name: np.full((count, 1), getattr(aggregation, name)) for name in aggregation.per_member
    }
    found: ndarray = aggregation.weights(settings, gramian, [SEED] * count, STEP)
    return found


def directions(aggregation: Any, terms: int) -> Iterator[tuple[str, ndarray, ndarray]]:
    """Every member's name, gradients and direction."""
    members = pack(terms)
    shares = weights(aggregation, members.values())
    for share, (name, own) in zip(shares, members.items(), strict=True):
        yield name, own, share @ own


def longest(own: ndarray) -> float:
    return float(np.linalg.norm(own, axis=1).max())


def rational(numbers: ndarray) -> list[Fraction]:
    return [Fraction(float(number)) for number in numbers]


def dot(left: Row, right: Row) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def added(row: Row, factors: Row, others: Sequence[Row]) -> list[Fraction]:
    """The row plus the others, each times its factor."""
    return [x + dot(factors, column) for x, *column in zip(row, *others, strict=True)]


def eliminated(matrix: Sequence[Row], right: Row) -> list[Fraction] | None:
    """The exact solution of a linear system; None where the matrix is singular."""
    table = [[*row, last] for row, last in zip(matrix, right, strict=True)]
    for k in range(len(table)):
        pivot = next((row for row in table[k:] if row[k] != 0), None)
        if pivot is None:
            return None
        table.remove(pivot)
        pivot = [number / pivot[k] for number in pivot]
        table = [[a - row[k] * b for a, b in zip(row, pivot, strict=True)] for row in table]
        table.insert(k, pivot)
    return [row[-1] for row in table]


def projected(rows: Sequence[Row], point: Row, inverse_metric: Row) -> list[Fraction]:
    """The point of {d: g_i . d >= 0} nearest to another, exactly: the conditions of optimality."""
    scaled = [[a * b for a, b in zip(row, inverse_metric, strict=True)] for row in rows]
    gramian = [[dot(row, other) for other in scaled] for row in rows]
    before = [dot(row, point) for row in rows]
    for count in range(len(rows) + 1):
        for active in combinations(range(len(rows)), count):
            factors = eliminated(
                [[gramian[i][j] for j in active] for i in active], [-before[i] for i in active]
            )
            if factors is None or min(factors, default=0) < 0:
                continue
            found = added(point, factors, [scaled[i] for i in active])
            if all(dot(row, found) >= 0 for row in rows):
                return found
    raise AssertionError("a projection onto a closed convex cone always exists")


def test_a_zero_gradient_among_four_leaves_the_projections_as_they_are() -> None:
    own = np.array([[0.1, -0.1, 0.6], [0.0, 0.0, 0.0], [1.3, 0.9, -0.7], [-1.3, -0.6, 0.0]])
    orders = [own[list(order)] for order in permutations(range(4))]
    found = np.stack([s @ o for s, o in zip(weights(UPGrad(), orders), orders, strict=True)])
    without = weights(UPGrad(), [own[[0, 2, 3]]])[0] @ own[[0, 2, 3]]
    assert np.allclose(found, [-0.0329, 0.0669, 0.0203], atol=5e-5)
    assert np.allclose(found, 3 / 4 * without, rtol=1e-12)  # both are means


@pytest.mark.parametrize("terms", TERMS)
def test_upgrad_is_the_exact_mean_of_projections(terms: int) -> None:
    for name, own, found in directions(UPGrad(), terms):
        rows = [rational(row) for row in own]
        unity = [Fraction(1)] * own.shape[1]
        expected = np.mean([np.array(projected(rows, row, unity), float) for row in rows], axis=0)
        assert np.abs(found - expected).max() <= 1e-12 * longest(own), name


def nowhere(parameters: torch.Tensor, members: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    raise AssertionError("Adam evaluates nothing elsewhere")


@pytest.mark.parametrize("terms", TERMS)
def test_gua_applies_the_exact_projection_in_adams_metric(terms: int) -> None:
    """Adam's metric is made of powers of two: a rate of one, no bias left, a vanishing epsilon."""
    optimizer, alignment, step = Adam(epsilon=1e-30), GUA(), 10**6
    for name, own in pack(terms).items():
        rng = np.random.default_rng(own.shape)
        update = torch.tensor(rng.integers(-9, 10, own.shape[1]))[None].double()
        root = 2.0 ** torch.tensor(rng.integers(-4, 5, own.shape[1]))[None].double()
        gradients = list(torch.tensor(own)[:, None])
        total = torch.stack(gradients).sum(0)
        context = StepContext(total, total.sum(1), total, nowhere)
        state = {"first": torch.zeros_like(total), "second": root.square()}
        settings = {"learning_rate": torch.ones(1, 1).double()}
        proposal = Proposal(update, gradients, context, optimizer, settings, state, step, "auto")
        shares = {name: torch.zeros(1, 1).double() for name in alignment.per_member}
        applied = alignment.aligned(shares, proposal)[0].numpy()
        expected = projected(
            [rational(row) for row in own],
            rational(-update[0].numpy()),
            rational(1 / root[0].numpy()),
        )
        assert np.abs(-applied - np.array(expected, float)).max() < 1e-9, name


@pytest.mark.parametrize("terms", TERMS)
def test_pcgrad_is_algorithm_1_in_rational_numbers(terms: int) -> None:
    table = np.tile(np.arange(terms), (terms, 1))
    if terms > 2:
        table = generator(SEED, "aggregation/pcgrad", STEP).permuted(table, axis=1)
    for name, own, found in directions(PCGrad(), terms):
        rows, total = [rational(row) for row in own], [Fraction(0)] * own.shape[1]
        for i, order in enumerate(table):
            changed = rows[i]
            for j in order:
                against = dot(changed, rows[j])
                if j != i and against < 0:
                    changed = added(changed, [-against / dot(rows[j], rows[j])], [rows[j]])
            total = added(total, [Fraction(1)], [changed])
        assert np.abs(found - np.array(total, float)).max() <= 1e-12 * longest(own), name


def units(own: ndarray) -> ndarray:
    lengths = np.linalg.norm(own, axis=1, keepdims=True)
    return own / np.where(lengths > 0, lengths, 1)


@pytest.mark.parametrize("terms", TERMS)
def test_config_is_its_formula_with_the_gradients_themselves(terms: int) -> None:
    for name, own, found in directions(ConFIG(), terms):
        along = np.linalg.pinv(units(own), rcond=1e-9) @ np.ones(terms)
        size = np.linalg.norm(along)
        along = along / size if size > 1e-9 else np.zeros_like(along)
        expected = (own @ along).sum() * along
        assert np.abs(found - expected).max() <= 1e-10 * longest(own), name


@pytest.mark.parametrize("terms", TERMS)
def test_imtl_g_projects_on_all_alike_or_is_zero(terms: int) -> None:
    members = pack(terms)
    shares = weights(IMTLG(), members.values())
    for share, (name, own) in zip(shares, members.items(), strict=True):
        present = own[own.any(axis=1)]
        alike = np.linalg.lstsq(units(present), np.ones(len(present)), rcond=1e-9)[0]
        if np.allclose(units(present) @ alike, 1):
            along = units(present) @ (share @ own)
            scale = np.abs(share) @ np.linalg.norm(own, axis=1)
            assert np.isclose(share.sum(), 1) and np.ptp(along) <= 1e-10 * scale, name
        else:
            assert not share.any(), name


@pytest.mark.parametrize("c", [0.2, 0.9])
@pytest.mark.parametrize("terms", TERMS)
def test_cagrad_reaches_the_maximum(terms: int, c: float) -> None:
    for name, own, found in directions(CAGrad(c=c), terms):
        mean = own.mean(axis=0)
        radius = c * np.linalg.norm(mean)
        assert np.linalg.norm(found - mean) - radius <= 1e-9 * longest(own), name
        present = own[own.any(axis=1)]
        gap = upper_bound(present, mean, radius, found) - (present @ found).min()
        assert gap <= 1e-12 * longest(own) ** 2, name


def upper_bound(own: ndarray, mean: ndarray, radius: float, found: ndarray) -> float:
    """What no direction d with |d - mean| <= radius exceeds in min_i g_i . d.

    Any w >= 0 that adds to one gives such a bound, with x = sum_i w_i g_i: x . mean + radius |x|.
    At the maximum x points along d - mean, or it is zero.
    """
    lengths, along = np.linalg.norm(own, axis=1), units(own)
    served = own @ found
    least = served - served.min() <= 1e-6 * lengths * np.linalg.norm(found)
    away = nnls((along * least[:, None]).T, (found - mean) / (radius or 1.0))[0]
    nothing = nnls(np.vstack([along.T, np.ones(len(own))]), np.eye(own.shape[1] + 1)[-1])[0]
    bounds = []
    for share in (away * least, nothing):
        if share.any():
            together = (share / lengths / (share / lengths).sum()) @ own
            bounds.append(together @ mean + radius * np.linalg.norm(together))
    return float(min(bounds))


def test_a_wave_whose_boundary_does_not_count_is_trained_without_conflict() -> None:
    one = Configuration(
        problem=Wave(points_per_axis=5),
        network=Mlp(width=4, depth=1, activation="tanh", init="glorot"),
        objective=Pinn(lambdas={"boundary": 0.0}),
        phases=(Adam(steps=5, learning_rate=3e-2),),
        aggregation=UPGrad(),
        record=Record(points=20, gradients_every=0, full_every=0, sketch_every=0, conflict=True),
    )
    table = train([Member(one, 0)])[0].table.to_pandas()[:-1]
    assert table["conflict/raw"].all() and not table["conflict/direction"].any()
