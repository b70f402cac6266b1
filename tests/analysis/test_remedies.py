"""Remedies whose plateaus, costs and errors are known, against their baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from analysis.censored import Median
from analysis.figures import draw_remedies
from analysis.load import StudyData
from analysis.remedies import Remedies, Remedy, compare_remedies, remedies_json
from analysis.report.compared import remedies_in_words, remedy_rows
from analysis.rules import PlateauRule
from analysis.verdicts import holm

RULE = PlateauRule(spans=())
STEPS = 400
Curve = Callable[[int, int], "pd.Series[float]"]


def study(
    curve: Curve,
    flat: Mapping[str, list[int]],
    cost: Mapping[str, float] | None = None,
    diverged: tuple[str, ...] = (),
    work: Mapping[str, float] | None = None,
) -> StudyData:
    """Runs that rest for so many steps; time and evaluations of a step by model.

    The first step takes ten times the time.
    """
    frames, rows = {}, []
    for model, of_seeds in flat.items():
        for seed, rest in enumerate(of_seeds):
            run_id = f"{model}-{seed}"
            loss = curve(rest, STEPS)
            seconds = np.full(STEPS + 1, (cost or {}).get(model, 1.0))
            seconds[0], seconds[-1] = 10 * seconds[0], np.nan
            frames[run_id] = pd.DataFrame(
                {
                    "loss/regression": loss,
                    "error/relative_l2": np.sqrt(loss),
                    "time/step_seconds": seconds,
                    "work/evaluations": (work or {}).get(model, 1.0) * np.arange(STEPS + 1),
                }
            )
            rows.append(
                {
                    "run_id": run_id,
                    "model": model,
                    "seed": seed,
                    "diverged_at": 5 if run_id in diverged else None,
                    "objective.kind": "regression" if model == "solution" else "pinn",
                }
            )
    runs = pd.DataFrame(rows).set_index("run_id").astype({"diverged_at": "Int64"})
    return StudyData("remedies", runs, [], frames.__getitem__)


def compared(data: StudyData, baseline: str = "plain") -> Remedies:
    found = compare_remedies(data, RULE, list(data.runs.index), baseline)
    assert found is not None
    return found


def by_name(found: Remedies) -> dict[str, Remedy]:
    return {one.model: one for one in found.ranked}


def exactly(*medians: float) -> tuple[Median, ...]:
    return tuple(Median(median, at_least=False) for median in medians)


TEN = list(range(200, 300, 10))
LEFT = 30 + 4
"""A curve that rests for n steps from step 30 on has fallen by 0.16 so many steps later."""


def test_a_short_rest_above_the_baselines_plateau_is_no_escape(curve: Curve) -> None:
    """Its own first plateau is short, but then it rests at the baseline's level, for longer."""
    data = study(curve, {"plain": TEN, "slow": [330] * 10})
    frames = {name: data.trajectory(name) for name in data.runs.index}
    for name, frame in frames.items():
        if name.startswith("slow"):
            step = frame.index.to_numpy()
            early = np.exp(-0.1 * np.clip(step - 25, 0, 30))  # rests for 25 steps, then falls
            frame["loss/regression"] = np.minimum(early, frame["loss/regression"] * np.e**3 / 20)
            frame.loc[:60, "loss/regression"] = early[:61]
    (slow,) = compared(StudyData("remedies", data.runs, [], frames.__getitem__)).ranked
    assert slow.plateaus[0].value < 30 < slow.plateaus[1].value
    assert slow.steps.ratio.number is not None and slow.steps.ratio.number > 1


def test_remedies_are_ranked_by_the_steps_until_they_leave(curve: Curve) -> None:
    flat = {
        "plain": TEN,
        "half": [rest // 2 for rest in TEN],
        "same": TEN,
        "solution": [50] * 10,
        "worse": [rest + 60 for rest in TEN],
    }
    found = compared(study(curve, flat, cost={"half": 1.5}))
    assert [one.model for one in found.ranked] == ["solution", "half", "same", "worse"]
    half = by_name(found)["half"]
    # Of n steps of rest n - 15 are the plateau: see test_plateau.
    assert half.plateaus == exactly(122.5 - 15, 245 - 15)
    assert found.level == pytest.approx(np.exp(-3 - 0.16))
    assert half.steps.medians == exactly(122.5 + LEFT, 245 + LEFT)
    assert half.steps.ratio.number == pytest.approx(156.5 / 279, rel=2e-3)
    assert half.steps.ratio.interval is not None
    assert half.steps.ratio.interval[0] < 156.5 / 279 < half.steps.ratio.interval[1]
    assert half.steps.ratio.outcome == "holds"
    assert half.steps.ratio.p == pytest.approx(2 / 2**10)
    assert half.steps.ratio.corrected == pytest.approx(3 * 2 / 2**10)
    assert half.steps.significant
    assert half.cost == pytest.approx(1.5)
    assert half.error.ratio.number is not None
    assert half.error.ratio.number < 1
    assert by_name(found)["same"].steps.ratio.p == 1
    assert not by_name(found)["same"].steps.significant


def test_a_level_that_is_named_compares_with_a_baseline_that_never_leaves(curve: Curve) -> None:
    never = [STEPS - 30] * 10  # flat to the end
    flat = {"plain": never, "half": TEN, "stuck": never}
    data = study(curve, flat)
    runs = list(data.runs.index)
    assert compared(data).level is None
    found = compare_remedies(data, RULE, runs, "plain", level=np.exp(-3 - 0.16))
    assert found is not None
    assert found.named
    half = by_name(found)["half"]
    assert half.stayed == (0, 10)
    assert half.steps.medians[0] == exactly(245 + LEFT)[0]
    assert half.steps.ratio.outcome == "holds"
    assert half.steps.ratio.bound == "at most"
    assert by_name(found)["stuck"].steps.ratio.number is None


def test_fewer_steps_need_not_be_fewer_evaluations_nor_less_time(curve: Curve) -> None:
    data = study(
        curve, {"plain": TEN, "half": [rest // 2 for rest in TEN]}, {"half": 2.5}, work={"half": 3}
    )
    (half,) = compared(data).ranked
    assert half.steps.significant
    assert half.evaluations.medians == exactly(3 * 156.5, 279)
    assert half.evaluations.ratio.number == pytest.approx(3 * 156.5 / 279, rel=2e-3)
    assert half.seconds.ratio.number == pytest.approx(2.5 * 155.5 / 278, rel=2e-3)
    words = remedies_in_words(compared(data))
    assert "earlier in steps: half; in evaluations: none; in seconds: none" in words


def test_a_product_with_a_hessian_counts_as_two_evaluations(curve: Curve) -> None:
    data = study(curve, {"plain": [200] * 4, "newton": [100] * 4})
    frames = {name: data.trajectory(name) for name in data.runs.index}
    for name, frame in frames.items():
        if name.startswith("newton"):
            frame["work/products"] = 10.0 * np.arange(STEPS + 1)
    (newton,) = compared(StudyData("remedies", data.runs, [], frames.__getitem__)).ranked
    assert newton.evaluations.medians == exactly(21 * (100 + LEFT), 200 + LEFT)


def test_the_solutions_model_is_a_reference_and_not_corrected_for(curve: Curve) -> None:
    found = compared(study(curve, {"plain": TEN, "half": [50] * 10, "solution": [40] * 10}))
    assert found.tested == 1
    solution = by_name(found)["solution"]
    assert solution.reference
    assert solution.steps.ratio.corrected is None


def test_pairing_sees_what_the_spread_over_seeds_hides(curve: Curve) -> None:
    wide = [40, 80, 120, 160, 200, 240, 280, 300]
    found = compared(study(curve, {"plain": wide, "bit": [rest - 6 for rest in wide]}))
    (bit,) = found.ranked
    assert bit.steps.ratio.p == pytest.approx(2 / 2**8)
    assert bit.steps.difference == -6
    assert bit.steps.difference_interval is None or bit.steps.difference_interval[1] < 0


def test_a_plateau_never_left_counts_as_all_steps_and_is_told(curve: Curve) -> None:
    stays = STEPS - 30
    flat = {"plain": [200, stays, stays, 210], "stuck": [stays] * 4, "out": [100] * 4}
    found = compared(study(curve, flat))
    stuck, out = by_name(found)["stuck"], by_name(found)["out"]
    assert stuck.stayed == (4, 2)
    assert stuck.steps.medians is not None
    assert stuck.steps.medians[0] == Median(STEPS, at_least=True)
    assert out.stayed == (0, 2)
    words = remedies_in_words(found)
    assert "2 runs of plain never came down to it" in words
    assert "Some runs of stuck never did" in words


def test_a_run_that_ended_on_its_plateau_is_not_a_short_one(curve: Curve) -> None:
    data = study(curve, {"plain": TEN, "brief": [STEPS - 30] * 10})
    frames = {name: data.trajectory(name) for name in data.runs.index}
    frames = {n: f.loc[:60] if n.startswith("brief") else f for n, f in frames.items()}
    (brief,) = compared(StudyData("remedies", data.runs, [], frames.__getitem__)).ranked
    assert brief.stayed == (10, 0)
    assert brief.steps.medians is not None
    assert brief.evaluations.medians is not None
    bound = Median(STEPS, at_least=True)  # the baseline's longest run, not the 60 steps of its own
    assert brief.steps.medians[0] == brief.evaluations.medians[0] == bound
    assert brief.steps.ratio.bound == "at least"
    assert brief.steps.ratio.number is not None and brief.steps.ratio.number > 1
    assert "leaving the plateau significantly earlier in steps: none" in remedies_in_words(
        compared(StudyData("remedies", data.runs, [], frames.__getitem__))
    )


def test_where_no_run_left_lengths_are_not_compared(curve: Curve, tmp_path: Path) -> None:
    found = compared(study(curve, {"plain": [STEPS - 30] * 4, "stuck": [STEPS - 30] * 4}))
    (stuck,) = found.ranked
    assert (stuck.steps.ratio.number, stuck.steps.ratio.p) == (None, None)
    assert "nothing can be compared" in remedies_in_words(found)
    assert draw_remedies(found, tmp_path) is None


def test_a_diverged_run_has_no_error_to_be_proud_of(curve: Curve) -> None:
    flat = {"plain": [200] * 5, "mad": [100] * 5}
    found = compared(study(curve, flat, diverged=("mad-0", "mad-1", "mad-2")))
    (mad,) = found.ranked
    assert mad.diverged == (3, 0)
    assert mad.error.ratio.number is None
    assert mad.error.difference is None
    json.dumps(remedies_json(found), allow_nan=False)


def test_seeds_that_cannot_decide_are_said_to_be_too_few(curve: Curve) -> None:
    flat = {name: [200, 210, 220, 230, 240] for name in ("plain", *"abcdefghij")}
    found = compared(study(curve, flat | {"a": [50, 60, 70, 80, 90]}))
    assert found.seeds_needed == 9  # 10 remedies: 10 x 2 / 2^9 < 0.05
    assert "With 5 seeds no remedy can become significant" in remedies_in_words(found)
    assert not by_name(found)["a"].steps.significant
    few = compared(study(curve, {"plain": [200, 210], "a": [100, 110]}))
    assert few.ranked[0].steps.ratio.p is None
    assert "At least 5 seeds are needed" in remedies_in_words(few)


@pytest.mark.parametrize("rows_after", [0, STEPS - 49])
def test_a_baseline_run_that_diverged_was_not_quick(curve: Curve, rows_after: int) -> None:
    """A remedy 200 steps faster on every seed, and half of the baseline dead at step 50."""
    rests = list(range(280, 330, 5))
    data = study(curve, {"plain": rests, "faster": [rest - 200 for rest in rests]})
    dead = [f"plain-{seed}" for seed in range(5)]
    data.runs.loc[dead, "diverged_at"] = 50
    frames = {name: data.trajectory(name) for name in data.runs.index}
    frames |= {name: frames[name].loc[:49].reindex(range(50 + rows_after)) for name in dead}
    (faster,) = compared(StudyData("remedies", data.runs, [], frames.__getitem__)).ranked
    for effect in (faster.steps, faster.evaluations, faster.seconds):
        assert effect.ratio.outcome == "holds"
        assert effect.ratio.bound == "at most"
        assert effect.ratio.number is not None
        assert effect.ratio.number < 0.45
    assert (faster.stayed, faster.diverged) == ((0, 5), (0, 5))
    assert faster.steps.medians == (Median(102.5 + LEFT, False), Median(325 + LEFT, True))


def test_pairs_in_which_neither_came_down_tell_nothing(curve: Curve) -> None:
    stays = STEPS - 30
    found = compared(study(curve, {"plain": [200, *[stays] * 9], "stuck": [100, *[stays] * 9]}))
    (stuck,) = found.ranked
    assert (stuck.steps.ratio.number, stuck.steps.ratio.outcome) == (1, "not decidable")


def test_only_seeds_of_both_are_paired(curve: Curve) -> None:
    found = compared(study(curve, {"plain": [200] * 3, "more": [100] * 5}))
    assert found.ranked[0].seeds == 3


def test_without_baseline_or_others_there_is_no_comparison(curve: Curve) -> None:
    data = study(curve, {"plain": [200] * 3})
    assert compare_remedies(data, RULE, list(data.runs.index), "plain") is None
    assert compare_remedies(data, RULE, list(data.runs.index), "other") is None


def test_the_table_has_the_baseline_and_every_model(curve: Curve) -> None:
    rows = remedy_rows(compared(study(curve, {"plain": TEN, "half": [50] * 10, "solution": TEN})))
    assert [cells[0] for cells in rows.cells] == [
        "plain (baseline)",
        "half",
        "solution (reference)",
    ]
    assert {len(cells) for cells in rows.cells} == {len(rows.header)}


def test_the_figure_shows_ratios_of_nothing_too(curve: Curve, tmp_path: Path) -> None:
    flat = {"plain": TEN, "none": [0] * 10, "half": [100] * 10, "solution": [50] * 10}
    drawn = draw_remedies(compared(study(curve, flat)), tmp_path)
    assert drawn is not None
    assert drawn.pdf.read_bytes().startswith(b"%PDF")
    assert matplotlib.image.imread(drawn.png)[..., :3].std() > 0.05


@pytest.mark.parametrize(
    ("given", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.9], [1.0, 1.0]),
        ([None, 0.02, None], [None, 0.02, None]),
        ([], []),
    ],
)
def test_holm(given: list[float | None], corrected: list[float | None]) -> None:
    assert holm(given) == [None if p is None else pytest.approx(p) for p in corrected]
