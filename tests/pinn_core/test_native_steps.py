"""Steps that are made in one native call give the bits of those that Python makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest

from pinn_core import Adam, Configuration, Heat, Member, Pinn, Record, train
from pinn_core.curricula import Curriculum, Marching
from pinn_core.discretization import sampling
from pinn_core.inputs import Fourier, Periodic, Scaled
from pinn_core.networks import ModifiedMlp
from pinn_core.optimizers import AdamW
from pinn_core.problems import (
    AllenCahn,
    Burgers,
    Cavity,
    CavityStream,
    Convection,
    Helmholtz,
    KleinGordon,
    Poisson,
    PoissonAnnulus,
    Wave,
)
from pinn_core.samplers import SAMPLERS, Batch, Batches, GridPoints
from pinn_core.tensors import Tensor
from pinn_core.training import native_steps
from pinn_core.training.checkpoint import Checkpointing, Folder, every_steps
from pinn_core.training.native_steps import NativeSteps
from pinn_core.weightings import Annealing, Causal
from tests.pinn_core.backends import needs_native
from tests.pinn_core.packs import configuration, members

pytestmark = needs_native

SPARSE = Record(points=40, gradients_every=10, gradient_points=20, full_every=20, sketch_every=10)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The first step and the number of steps of every native call."""
    made: list[tuple[int, int]] = []
    whole = NativeSteps.make
    monkeypatch.setattr(native_steps, "SECONDS", 1e9)  # however slow this machine is now

    def make(self: NativeSteps, *arguments: Any) -> None:
        made.append(arguments[-2:])
        whole(self, *arguments)

    monkeypatch.setattr(NativeSteps, "make", make)
    return made


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Digests of a pack whose steps Python makes."""

    def digests(pack: list[Member], **options: Any) -> list[str]:
        with monkeypatch.context() as only:
            only.setattr(NativeSteps, "of", classmethod(lambda *_: None))
            return _digests(pack, **options)

    return digests


def _digests(pack: list[Member], **options: Any) -> list[str]:
    return [trajectory.digest() for trajectory in train(pack, backend="native", **options)]


def _pack(one: Configuration) -> list[Member]:
    return members(one, [1e-3, 3e-3, 1e-2])


def _of(**changes: Any) -> Configuration:
    return replace(configuration(steps=40), **{"record": SPARSE, **changes})


def _wave(**changes: Any) -> Configuration:
    return _of(problem=Wave(points_per_axis=9), **changes)


CASES = {
    "full batch": _of(),
    "batch": replace(configuration(steps=40, batch=30), record=SPARSE),
    "regression": replace(configuration(steps=40, regression=True, batch=16), record=SPARSE),
    "regression on all points": replace(configuration(steps=40, regression=True), record=SPARSE),
    "several blocks of points, padding": replace(
        configuration(steps=6, width=150, depth=3, activation="gelu"),
        problem=Heat(points_per_axis=11),
        record=SPARSE,
    ),
    "float64, one layer": replace(
        configuration(steps=40, width=5, depth=1, activation="softplus", precision="float64"),
        record=SPARSE,
    ),
    "sin": replace(configuration(steps=40, activation="sin", batch=20), record=SPARSE),
    "silu": replace(configuration(steps=40, activation="silu"), record=SPARSE),
    "several conditions with derivatives and shares": _wave(),
    "the same on a batch": _wave(objective=Pinn(batch=30)),
    "a known function in the residual": _of(problem=Poisson(points_per_axis=41)),
    "that and a multiple of the value": _of(problem=Helmholtz(points_per_axis=9)),
    "a power": _of(problem=KleinGordon(points_per_axis=9)),
    "the same on a batch ": _of(problem=KleinGordon(points_per_axis=9), objective=Pinn(batch=30)),
    "a product, scaled inputs": _of(
        problem=Burgers(points_x=16, points_t=9), inputs=Scaled(), objective=Pinn(batch=30)
    ),
    "normals": _of(problem=PoissonAnnulus(points_per_axis=9, outer="neumann")),
    "normals and values on a batch": _of(
        problem=PoissonAnnulus(points_per_axis=9, outer="robin"), objective=Pinn(batch=30)
    ),
    "partners": _of(problem=Convection(points_x=16, points_t=9), objective=Pinn(batch=30)),
    "partners and derivatives": _of(
        problem=AllenCahn(points_x=16, points_t=9), objective=Pinn(batch=30)
    ),
    "several residuals and outputs": _of(problem=Cavity(points_per_axis=9)),
    "AdamW": _of(phases=(AdamW(steps=40, weight_decay=0.1),)),
    "a decaying rate": _of(phases=(Adam(steps=40, decay=0.9, decay_steps=7),)),
    "two phases": _of(phases=(Adam(steps=17), AdamW(steps=23))),
    "scaled inputs": _of(inputs=Scaled()),
    "waves, more than a panel of them": _wave(inputs=Fourier(count=70, scale=2.0)),
    "lines and waves on a batch": _of(
        problem=Burgers(points_x=16, points_t=9, sides="periodic"),
        inputs=Periodic(frequencies=3),
        objective=Pinn(batch=30),
    ),
    "waves and gates": _wave(
        network=ModifiedMlp(width=12, depth=2), inputs=Fourier(count=70, scale=2.0)
    ),
    "waves in float64": _wave(inputs=Fourier(count=6), precision="float64"),
    "gates": _of(network=ModifiedMlp(width=12, depth=2)),
    "weights that change": _of(weighting=Annealing(period=8)),
    "stages": _of(
        problem=Convection(points_x=16, points_t=9, beta=3.0),
        stages=Curriculum(values=(1.0,)),
        phases=(Adam(steps=20),),
    ),
    "new points": _wave(objective=Pinn(batch=20, points="uniform")),
    "new points, fewer on the sides, and a known function": _of(
        problem=Helmholtz(points_per_axis=9),
        objective=Pinn(batch=20, condition_batch=3, points="latin"),
    ),
    "new points in every third step": _of(
        problem=KleinGordon(points_per_axis=9),
        objective=Pinn(batch=16, points="sobol", resample=3),
    ),
    "new points that stay": _of(
        problem=Helmholtz(points_per_axis=9), objective=Pinn(batch=20, points="uniform", resample=0)
    ),
    "new points, partners and waves": _of(
        problem=AllenCahn(points_x=16, points_t=9), objective=Pinn(batch=20, points="uniform")
    ),
    "new points, factors that change, a shape and its normals": _of(
        problem=PoissonAnnulus(points_per_axis=9, outer="robin"),
        objective=Pinn(batch=20, points="latin"),
        weighting=Annealing(period=8),
    ),
    "the Hessian now and then": _of(
        record=replace(SPARSE, curvature_every=20), phases=(Adam(steps=30),)
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_call_gives_the_bits_of_steps_in_python(
    case: str, calls: list[tuple[int, int]], in_python: Callable[..., list[str]]
) -> None:
    pack = _pack(CASES[case])
    expected = in_python(pack)
    assert not calls
    assert _digests(pack) == expected
    assert max(count for _, count in calls) > 1
    assert _digests(pack, threads=2) == expected
    assert [_digests([member])[0] for member in pack] == expected


def test_stages_that_go_on_from_the_one_before_have_the_same_bits(
    in_python: Callable[..., list[str]],
) -> None:
    problem = Convection(points_x=16, points_t=9, beta=3.0)
    pack = _pack(_of(problem=problem, stages=Marching(windows=2), phases=(Adam(steps=20),)))
    assert _digests(pack) == in_python(pack)


@pytest.mark.parametrize(
    "one",
    [
        _of(problem=CavityStream(points_per_axis=9)),
        _of(weighting=Causal()),
        _of(objective=Pinn(batch=20, points="rad")),
    ],
    ids=["order three", "factors of points", "points by the residual"],
)
def test_what_has_no_native_form_is_left_to_python(
    one: Configuration, calls: list[tuple[int, int]]
) -> None:
    short = replace(one, phases=(Adam(steps=3),), record=Record(points=40, gradient_points=20))
    train([Member(short, 0)], backend="native")
    assert not calls


@pytest.mark.parametrize("resample", [0, 1, 3])
def test_new_points_go_on_beyond_those_that_are_drawn_together(
    resample: int,
    calls: list[tuple[int, int]],
    in_python: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "DRAWN_TOGETHER", 100)  # five steps of the interior's points
    objective = Pinn(batch=20, condition_batch=4, points="uniform", resample=resample)
    pack = _pack(_of(problem=Helmholtz(points_per_axis=9), objective=objective))
    expected = in_python(pack)
    assert _digests(pack) == expected
    assert [_digests([member])[0] for member in pack] == expected
    assert {step for step, _ in calls} >= ({0, 5, 10, 35} if resample == 1 else {0})


def test_what_else_is_due_begins_a_call(calls: list[tuple[int, int]]) -> None:
    record = replace(SPARSE, sketch_every=4, full_every=0)
    train(_pack(_of(record=record)), backend="native")
    ends = {first + count for first, count in calls}
    assert set(range(4, 41, 4)) <= ends
    assert sum(count for _, count in calls) == 40


def test_progress_hears_of_every_step() -> None:
    heard: list[int] = []
    train(_pack(_of()), backend="native", progress=lambda step, _: heard.append(step))
    assert heard == list(range(1, 41))


def test_a_checkpoint_within_a_call_is_written_when_it_is_due(
    tmp_path: Path, calls: list[tuple[int, int]]
) -> None:
    pack = _pack(_of())
    expected = _digests(pack)
    checkpointing = Checkpointing(Folder(tmp_path), every_steps(7))

    def die(step: int, _: int) -> None:
        if step == 24:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _digests(pack, checkpointing=checkpointing, progress=die)
    calls.clear()
    assert _digests(pack, checkpointing=checkpointing) == expected
    assert calls[0][0] == 21


@dataclass(frozen=True, kw_only=True)
class Halved(Adam):
    """Adam with half of every update, as somebody may write who knows nothing of native steps."""

    def update(self, *arguments: Any, **options: Any) -> Tensor:
        return 0.5 * super().update(*arguments, **options)


class _OwnPoints:
    """The first step's batch in every step, whatever those that are inherited foresee."""

    def at(self, step: int, parameters: Tensor | None = None) -> Batch:
        return super().at(min(step, 0), parameters)  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True)
class Repeated(GridPoints):
    """The grid's points, drawn once and for all by an ``at`` of its own."""

    def batches(self, *arguments: Any) -> Batches:
        made = super().batches(*arguments)
        kind = type("Own", (_OwnPoints, type(made)), {})
        return kind(**{each.name: getattr(made, each.name) for each in fields(made)})  # type: ignore[arg-type]


def test_an_update_of_ones_own_is_asked_though_what_is_inherited_has_a_native_form(
    calls: list[tuple[int, int]], in_python: Callable[..., list[str]]
) -> None:
    own, plain = _of(phases=(Halved(steps=40),)), _of(phases=(Adam(steps=40),))
    assert _digests(_pack(own)) == in_python(_pack(own)) != in_python(_pack(plain))
    assert not calls


def test_points_of_ones_own_are_asked_though_what_is_inherited_foresees_others(
    calls: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = _of(objective=Pinn(batch=16))
    before = _digests(_pack(drawn))
    calls.clear()
    monkeypatch.setitem(SAMPLERS._parts, "grid", Repeated)
    assert _digests(_pack(drawn)) != before
    assert not calls
