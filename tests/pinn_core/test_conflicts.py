"""Aggregations and alignments in whole trainings, and the conflicts that are recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from pinn_core import Adam, Configuration, Member, Mlp, Pinn, Record, Regression, train
from pinn_core.aggregations import AGGREGATIONS, CAGrad, ConFIG, PCGrad, Sum
from pinn_core.alignments import ALIGNMENTS, GUA, Proposal, Unaligned
from pinn_core.optimizers import LBFGS, GradientDescent, Optimizer, Soap, StepContext
from pinn_core.problems import Burgers, KleinGordon
from pinn_core.records.trajectory import CONFLICT
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.conflict import Gradients
from pinn_core.weightings import Annealing

RATES = ("conflict/raw", "conflict/direction", "conflict/proposal", "conflict/applied")


def configuration(steps: int = 5, **parts: Any) -> Configuration:
    return Configuration(
        **{
            "problem": KleinGordon(points_per_axis=7),
            "network": Mlp(width=6, depth=2, activation="tanh", init="glorot"),
            "objective": Pinn(lambda_b=2.0),
            "phases": (Adam(steps=steps, learning_rate=5e-3),),
            "record": Record(points=20, gradients_every=4, full_every=4, sketch_every=0),
            **parts,
        }
    )


def digests(one: Configuration, seeds: tuple[int, ...], **how: Any) -> list[str]:
    return [each.digest() for each in train([Member(one, seed) for seed in seeds], **how)]


def frame(one: Configuration, seed: int = 0) -> pd.DataFrame:
    found: pd.DataFrame = train([Member(one, seed)])[0].table.to_pandas()
    return found


PARTS: list[dict[str, Any]] = [
    {"aggregation": PCGrad()},
    *({"aggregation": AGGREGATIONS[kind]()} for kind in ("cagrad", "imtl_g", "upgrad")),
    {"alignment": GUA(rho_m=0.7, rho_v=0.2)},
    {"aggregation": ConFIG(terms="two"), "alignment": GUA(), "weighting": Annealing(period=2)},
    {"record": Record(points=20, gradients_every=4, full_every=0, conflict=True)},
]
NAMES = ["+".join(getattr(part, "kind", "recorded") for part in parts.values()) for parts in PARTS]
SLOWLY = ("cagrad", "imtl_g", "upgrad", "gua")


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(parts, marks=pytest.mark.slow if name in SLOWLY else (), id=name)
        for parts, name in zip(PARTS, NAMES, strict=True)
    ],
)
def test_runs_are_the_same_alone_packed_reordered_and_resumed(
    parts: dict[str, Any], tmp_path: Path
) -> None:
    one = configuration(**parts)
    together = digests(one, (0, 1))
    assert digests(one, (1, 0), threads=2)[::-1] == together
    assert digests(one, (1,)) == together[1:]
    kept = Checkpointing(Folder(tmp_path), every_steps(1))

    def die(step: int, _: int) -> None:
        if step == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        digests(one, (0, 1), checkpointing=kept, progress=die)
    assert digests(one, (0, 1), checkpointing=kept) == together


def test_members_may_differ_in_what_is_theirs() -> None:
    one = configuration(aggregation=CAGrad(c=0.2), alignment=GUA(rho_m=0.1))
    other = configuration(aggregation=CAGrad(c=0.6), alignment=GUA(rho_m=0.7))
    assert one.shape_key() == other.shape_key()
    pack = train([Member(one, 0), Member(other, 0)])
    alone = [*digests(one, (0,)), *digests(other, (0,))]
    assert [each.digest() for each in pack] == alone
    assert alone[0] != alone[1]


def test_a_sum_has_no_new_columns_and_recording_changes_no_other() -> None:
    plain = configuration()
    watched = replace(plain, record=replace(plain.record, conflict=True))
    without, with_them = (
        train([Member(each, 0)])[0].table.drop_columns("time/step_seconds")
        for each in (plain, watched)
    )
    assert not set(CONFLICT) & set(without.column_names)
    assert with_them.drop_columns([*CONFLICT]).equals(without)
    table = with_them.to_pandas()
    assert table[[*CONFLICT]][:-1].notna().all(axis=None)
    assert table[[*CONFLICT]][-1:].isna().all(axis=None)
    assert table["conflict/proposal"].equals(table["conflict/applied"])


def test_of_two_terms_raw_conflicts_and_alignment_are_the_cosines() -> None:
    record = Record(points=20, gradients_every=1, full_every=0, conflict=True)
    one = configuration(30, problem=Burgers(points_x=8, points_t=6), record=record)
    two = replace(one, aggregation=Sum(terms="two"), objective=Pinn(lambda_b=1.0))
    table = frame(two)[:-1]
    assert np.allclose(table["conflict/alignment"], table["gradient/cosine"], atol=1e-6)
    assert (table["conflict/raw"] == (table["gradient/cosine"] < 0)).all()


def test_a_regression_and_a_single_term_are_left_alone() -> None:
    fitted = configuration(objective=Regression(batch=10), phases=(LBFGS(steps=3),))
    asked = replace(fitted, aggregation=PCGrad(), alignment=GUA())
    assert digests(asked, (0,)) == digests(fitted, (0,))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"aggregation": PCGrad(), "phases": (Adam(steps=2), LBFGS(steps=2))},
            "aggregation pcgrad makes a direction that is no gradient of a loss, and "
            "the phase lbfgs needs one",
        ),
        ({"alignment": GUA(), "phases": (GradientDescent(steps=2),)}, "gradient_descent does not"),
    ],
)
def test_optimizers_that_cannot_serve_are_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configuration(**parts)


def test_the_optimizer_goes_down_the_direction() -> None:
    context = (GradientDescent(steps=1, learning_rate=0.1),)
    weighted = configuration(phases=context, precision="float64")
    table = frame(replace(weighted, aggregation=CAGrad(c=0.0)))
    total = frame(weighted)
    assert np.isclose(table["update/norm"][0], total["update/norm"][0] / 3)  # the mean of 3 terms


def test_rates_are_exact_on_gradients_that_are_known() -> None:
    rows = [
        torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]),
        torch.tensor([[-1.0, 1.0], [1.0, -1.0], [2.0, 0.0]]),
    ]
    found = Gradients(rows, "auto")
    assert found.conflicting().tolist() == [1, 0, 0]
    assert torch.allclose(found.alignment()[:2], torch.tensor([-(0.5**0.5), 0.0]).double())
    along = torch.tensor([[0.0, 1.0], [-1.0, 0.0], [-1.0, 0.0]])
    assert found.against([along, along], [1, -1])[0].tolist() == [0, 1, 1]
    assert found.against([along, along], [1, -1])[1].tolist() == [1, 0, 0]
    broken = Gradients([torch.full((1, 2), torch.nan), torch.ones(1, 2)], "auto")
    assert broken.conflicting().isnan().all() and broken.alignment().isnan().all()


class Walk:
    """Adam on two bowls that pull apart, step by step, with what an alignment makes of it."""

    def __init__(self, alignment: Any, dtype: torch.dtype = torch.float64) -> None:
        self.alignment, self.optimizer = alignment, Adam(learning_rate=0.05)
        self.theta = torch.tensor([[1.5, -1.0, 0.7, 0.2], [0.3, 0.9, -0.4, 1.1]], dtype=dtype)
        self.state = self.optimizer.start(self.theta)
        self.settings = {"learning_rate": torch.tensor([[0.05], [0.02]], dtype=dtype)}
        shares = {name: getattr(alignment, name) for name in alignment.per_member}
        self.shares = {n: torch.full((2, 1), x).double() for n, x in shares.items()}
        self.curvature = torch.tensor([[1.0, 9.0, 0.2, 3.0], [2.0, 0.1, 5.0, 1.0]], dtype=dtype)
        self.now = 0

    def gradients(self) -> list[Tensor]:
        first, second = self.curvature
        return [first * (self.theta - 1), second * (self.theta + 1)]

    def step(self) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """The terms' gradients, the update proposed, the metric's diagonal, the update applied."""
        rows = self.gradients()
        total = rows[0] + rows[1]
        context = StepContext(self.theta, total.sum(1).double(), total, lambda *_: (total, total))
        update = self.optimizer.update(self.settings, self.state, context, self.now)
        root = (self.state["second"].double() / (1 - 0.999 ** (self.now + 1))).sqrt() + 1e-8
        applied = self.alignment.aligned(
            self.shares,
            Proposal(
                update, rows, context, self.optimizer, self.settings, self.state, self.now, "auto"
            ),
        )
        self.theta, self.now = self.theta + applied, self.now + 1
        return rows, update, root / self.settings["learning_rate"].double(), applied


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_gua_applies_the_nearest_direction_without_conflict(dtype: torch.dtype) -> None:
    walk, met = Walk(GUA(), dtype), 0
    allowed = 1e-12 if dtype is torch.float64 else 1e-6
    for _ in range(60):
        rows, update, metric, applied = walk.step()
        for member in range(2):
            own = torch.stack([row[member] for row in rows]).double()
            before, after = (-each[member].double() for each in (update, applied))
            sizes = own.norm(dim=1) * after.norm()
            assert (own @ after >= -allowed * sizes).all()
            if (own @ before >= 0).all():
                assert torch.equal(applied[member], update[member])
                continue
            met += 1
            scale = metric[member]
            weights = scale * (after - before)  # sum of lambda_i g_i
            lambdas = torch.linalg.lstsq(own.T, weights[:, None]).solution[:, 0]
            assert torch.allclose(own.T @ lambdas, weights, atol=1e2 * allowed * weights.norm())
            assert (lambdas >= -1e2 * allowed * lambdas.abs().max()).all()
            slack = lambdas * (own @ after)
            assert (slack.abs() <= 1e2 * allowed * lambdas.abs().max() * sizes).all()
    assert met > 20


def test_gua_moves_the_moments_as_its_page_says() -> None:
    walk, plain = Walk(GUA(rho_m=1.0, rho_v=1.0)), Walk(Unaligned())
    for _ in range(60):
        for each in (plain.state, walk.state):
            assert (each["second"] >= 0).all()
        plain.theta, plain.now = walk.theta, walk.now
        plain.state = {name: table.clone() for name, table in walk.state.items()}
        rows, proposed, metric, applied = walk.step()
        before = {name: table.clone() for name, table in plain.state.items()}
        plain.step()
        change = metric * (proposed - applied)
        count = walk.now
        lead = change * (1 - 0.9**count) / (1 - 0.9)
        gradient = rows[0] + rows[1] + lead  # with which Adam would have had these moments
        expected = 0.9 * before["first"] + 0.1 * gradient
        second = 0.999 * before["second"] + 0.001 * gradient.square()
        assert torch.allclose(walk.state["first"], expected, rtol=1e-9, atol=1e-14)
        assert torch.allclose(walk.state["second"], second, rtol=1e-9, atol=1e-14)


def test_a_member_is_aligned_alike_in_any_company() -> None:
    together, swapped = Walk(GUA()), Walk(GUA())
    swapped.theta = together.theta.flip(0)
    swapped.settings = {name: table.flip(0) for name, table in together.settings.items()}
    for _ in range(30):
        together.step()
        swapped.step()
    assert torch.equal(swapped.theta.flip(0), together.theta)


def test_every_alignment_is_known() -> None:
    assert ALIGNMENTS.names() == ("gua", "none")


@pytest.mark.parametrize(
    "phase",
    [
        Adam(steps=40, learning_rate=5e-3),
        pytest.param(Adam(steps=400, learning_rate=5e-3), marks=pytest.mark.slow),
        Soap(steps=20, learning_rate=3e-2, update_every=4),
        pytest.param(Soap(steps=150, learning_rate=1e-2), marks=pytest.mark.slow),
    ],
    ids=["adam-40", "adam-400", "soap-20", "soap-150"],
)
def test_updates_conflict_although_config_does_not_and_gua_never_does(phase: Optimizer) -> None:
    parts = {
        "problem": Burgers(points_x=16, points_t=12),
        "network": Mlp(width=16, depth=3, activation="tanh", init="glorot"),
        "objective": Pinn(lambda_b=1.0, batch=128, points="latin", condition_batch=32),
        "record": Record(points=64, gradients_every=0, full_every=0, sketch_every=0),
        "aggregation": ConFIG(terms="two"),
        "phases": (phase,),
    }
    pack = {}
    for alignment in (Unaligned(), GUA(rho_m=0.5, rho_v=0.1)):
        one = configuration(**parts, alignment=alignment)
        tables = [each.table.to_pandas() for each in train([Member(one, s) for s in (0, 1)])]
        pack[alignment.kind] = pd.DataFrame([table[[*RATES]].mean() for table in tables])
    plain, aligned = pack["none"], pack["gua"]
    assert (plain["conflict/direction"] == 0).all() and (aligned["conflict/direction"] == 0).all()
    assert (plain["conflict/proposal"] > 0.05).all()
    assert (aligned["conflict/applied"] == 0).all()
    assert (aligned["conflict/proposal"] > 0).all()
