from __future__ import annotations

from dataclasses import replace

import pytest

from pinn_core import Adam, Configuration, Mlp, Pinn, canonical_json, run_id
from tests.pinn_core.packs import configuration


def test_a_runs_name_depends_on_its_science_alone() -> None:
    one = configuration()
    assert run_id(one, 3) == run_id(configuration(), 3)
    assert run_id(configuration(lambda_b=100), 3) == run_id(one, 3)
    assert len(run_id(one, 3)) == 16
    others = [
        run_id(one, 4),
        run_id(configuration(learning_rate=2e-3), 3),
        run_id(configuration(lambda_b=1.0), 3),
        run_id(configuration(width=13), 3),
    ]
    assert len({run_id(one, 3), *others}) == 5


def test_members_may_differ_in_rate_and_weight_but_not_in_shape() -> None:
    one = configuration()
    assert one.shape_key() == configuration(learning_rate=2e-3, lambda_b=1.0).shape_key()
    assert one.shape_key() != configuration(width=13).shape_key()


def test_the_dictionary_says_everything() -> None:
    found = configuration().to_dict()
    assert found["phases"][0]["kind"] == "adam"
    assert found["network"] == {
        "kind": "mlp",
        "width": 12,
        "depth": 2,
        "activation": "tanh",
        "init": "torch",
        "parametrization": "plain",
    }
    assert found["weighting"] == {"kind": "fixed"}
    assert (found["inputs"], found["constraints"]) == ({"kind": "raw"}, "soft")
    assert found["stages"] == {"kind": "none"}


def test_canonical_text_is_sorted_and_refuses_nan() -> None:
    assert canonical_json({"b": 1e-3, "a": [1, None]}) == '{"a":[1,null],"b":0.001}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Adam(learning_rate=-1.0), "learning_rate must be > 0, found -1.0"),
        (lambda: Adam(steps=0), "steps must be >= 1, found 0"),
        (lambda: Mlp(width=0), "width must be >= 1, found 0"),
        (lambda: Pinn(lambda_b=float("nan")), "lambda_b must be >= 0, found nan"),
    ],
)
def test_impossible_settings_are_named(build: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_a_run_needs_a_phase() -> None:
    with pytest.raises(ValueError, match="phases"):
        replace(configuration(), phases=())


def test_steps_add_over_phases() -> None:
    one: Configuration = replace(configuration(), phases=(Adam(steps=3), Adam(steps=4)))
    assert one.steps == 7
