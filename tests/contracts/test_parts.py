"""What every part that a study file can name keeps, checked as a researcher checks her own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from pinn_core import PROBLEMS
from pinn_core.configuration import Configuration, families
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.networks import Mlp, ModuleNetwork
from pinn_core.objectives import Pinn
from pinn_core.optimizers import OPTIMIZERS, Adam
from pinn_core.parts import FAMILIES, Family
from pinn_core.probes import Column, Probe
from pinn_core.problems import Box, Burgers
from pinn_core.samplers import SAMPLERS, Uniform
from pinn_core.testing import ContractBroken, check
from pinn_core.weightings import WEIGHTINGS, Weighting
from tests.pinn_core.small import small

PARTS = [
    family[kind]
    for family in (*families().values(), FAMILIES["probe"], FAMILIES["point sampler"])
    for kind in family.names()
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_shipped_part_keeps_the_contract_of_its_family(part: Any) -> None:
    check(small(part))


@pytest.mark.parametrize("kind", ACTIVATIONS.names())
def test_a_shipped_activation_has_its_derivatives(kind: str) -> None:
    check(ACTIVATIONS[kind])


@pytest.mark.parametrize("kind", PROBLEMS.names())
def test_a_problem_knows_the_size_of_its_grid_without_making_it(kind: str) -> None:
    names = {field.name for field in fields(PROBLEMS[kind])}  # type: ignore[arg-type]
    axes = [name for name in sorted(names) if name.startswith("points_")]
    problem = PROBLEMS[kind](**{name: 7 + place for place, name in enumerate(axes)})
    grid = problem.grid()
    made = len(grid.interior.coordinates), len(grid.supervised.coordinates)
    assert problem.grid_size == made
    vast = PROBLEMS[kind](**dict.fromkeys(axes, 10**6))
    if grid.scattered:
        assert vast.grid_size == (10**6, 10**6)
    elif isinstance(problem.domain, Box):
        assert sum(vast.grid_size) == 10 ** (6 * len(problem.coordinates))
    else:  # so many that they are estimated
        cells = problem.domain.measure / np.prod(problem.domain.extent)
        expected = cells * 10 ** (6 * len(problem.coordinates))
        assert sum(vast.grid_size) == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten in the end."""
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "_parts", dict(family._parts))


def entered(family: Family[Any], part: Any) -> Any:
    return family.register("broken")(dataclass(frozen=True, kw_only=True)(part))


@pytest.mark.usefixtures("registered")
def test_a_wrong_derivative_is_found() -> None:
    def half(z: torch.Tensor, order: int) -> tuple[torch.Tensor, ...]:
        return tuple(
            factor * part for factor, part in zip((1, 1, 0.5, 1), jet(z, order), strict=False)
        )

    jet = ACTIVATIONS["tanh"]
    with pytest.raises(ContractBroken, match="broken: its derivative of order 2 is not that of"):
        check(ACTIVATIONS.register("broken")(half))


@pytest.mark.usefixtures("registered")
def test_a_weighting_that_looks_at_its_neighbours_is_found() -> None:
    class Sharing(Weighting):
        """The pack's mean loss decides."""

        def due(self, step: int) -> bool:  # noqa: ARG002
            return True

        def update(self, state: Any, view: Any) -> Any:  # noqa: ARG002
            return view.weights * view.losses.mean(1, keepdim=True)

    with pytest.raises(ContractBroken, match="a member alone has other bits than in a pack"):
        check(entered(WEIGHTINGS, Sharing))


@pytest.mark.usefixtures("registered")
def test_a_sampler_that_shares_points_between_members_is_found() -> None:
    class Sharing(Uniform):
        """The first member's points for all."""

        def batches(self, asked: Any, disc: Any, seeds: Any, state: Any) -> Any:
            return super().batches(asked, disc, [seeds[0]] * len(seeds), state)

    with pytest.raises(ContractBroken, match="a member alone has other bits than in a pack"):
        check(entered(SAMPLERS, Sharing))


@pytest.mark.usefixtures("registered")
def test_a_state_that_is_not_checkpointed_is_found() -> None:
    class Forgetful(Adam):
        """Counts its steps aside."""

        counted: ClassVar[list[int]] = [0]

        def start(self, parameters: Any) -> Any:
            self.counted[0] = 0
            return super().start(parameters)

        def update(self, settings: Any, *rest: Any) -> Any:
            self.counted[0] += 1
            return super().update(settings, *rest) * (1 + 0.01 * (self.counted[0] % 4))

    with pytest.raises(ContractBroken, match="a resumed training has other bits"):
        check(entered(OPTIMIZERS, Forgetful))


@pytest.mark.usefixtures("registered")
def test_a_grid_that_leaves_its_domain_is_found() -> None:
    class Outside(Burgers):
        """Its last point lies too far out."""

        def grid(self) -> Any:
            grid = super().grid()
            moved = grid.interior.coordinates.copy()
            moved[-1] += 10.0
            interior = type(grid.interior)(moved, grid.interior.reference, grid.interior.exact)
            return type(grid)(interior, grid.supervised)

    with pytest.raises(ContractBroken, match="lies outside of the domain"):
        check(entered(PROBLEMS, Outside))


@pytest.mark.usefixtures("registered")
def test_a_network_without_a_seed_is_found() -> None:
    class Seedless(ModuleNetwork):
        """Starts from zeros."""

        def module(self, inputs: int, outputs: int) -> torch.nn.Module:
            layer = torch.nn.Linear(inputs, outputs)
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
            return layer

    with pytest.raises(ContractBroken, match="seeds change nothing"):
        check(entered(FAMILIES["network"], Seedless))


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "must inherit from Weighting"),
        ({"steps": 3}, "must inherit from Weighting"),
    ],
)
def test_what_is_no_part_is_not_registered(body: Mapping[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        WEIGHTINGS.register("broken")(type("Broken", (), dict(body)))


@pytest.mark.usefixtures("registered")
def test_a_method_that_gives_something_else_is_named() -> None:
    class Turned(Weighting):
        """A row for each run, as its state has, where the weights have a row for each term."""

        def due(self, step: int) -> bool:  # noqa: ARG002
            return True

        def update(self, state: Any, view: Any) -> Any:  # noqa: ARG002
            return view.weights.T[:2]

    class Nothing(Adam):
        """Changes the parameters itself."""

        def update(self, *_: Any) -> Any:
            return None

    class Other(Probe):
        """Declares one column and measures another."""

        every: int = 2

        def columns(self, setup: Any) -> Any:  # noqa: ARG002
            return {"one": Column("one")}

        def measure(self, moment: Any) -> Any:
            return {"other": moment.parameters[:, 0]}

    with pytest.raises(ContractBroken, match=r"broken: update gave .*, allowed: \(\d, 3\)"):
        check(entered(WEIGHTINGS, Turned))
    with pytest.raises(ContractBroken, match=r"broken: .* NoneType"):
        check(entered(OPTIMIZERS, Nothing))
    with pytest.raises(ContractBroken, match="gave 'other', declared by columns: broken/one"):
        check(entered(FAMILIES["probe"], Other))


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("factor", "complaint"), [(math.nan, "the loss is no number"), (-1.0, "is negative")]
)
def test_weights_that_no_loss_can_have_are_found(factor: float, complaint: str) -> None:
    class Odd(Weighting):
        """Every weight times a factor."""

        def due(self, step: int) -> bool:
            return step == 2

        def update(self, state: Any, view: Any) -> Any:  # noqa: ARG002
            return factor * view.weights

    with pytest.raises(ContractBroken, match=complaint):
        check(entered(WEIGHTINGS, Odd))


@pytest.mark.usefixtures("registered")
def test_weights_may_lie_in_memory_as_they_like() -> None:
    class Transposed(Weighting):
        """The weights as they were, out of a table with a row for each run."""

        def due(self, step: int) -> bool:  # noqa: ARG002
            return True

        def update(self, state: Any, view: Any) -> Any:  # noqa: ARG002
            return view.weights.T.clone().T

    check(entered(WEIGHTINGS, Transposed))


@pytest.mark.usefixtures("registered")
def test_a_phase_of_an_own_optimizer_has_a_step_at_least() -> None:
    class Unchecked(Adam):
        """Takes any number of steps."""

        def __post_init__(self) -> None:
            return

    phase = entered(OPTIMIZERS, Unchecked)(steps=0)
    with pytest.raises(ValueError, match="steps must be >= 1, found 0"):
        Configuration(
            problem=Burgers(points_x=8, points_t=8),
            network=Mlp(width=4, depth=1),
            objective=Pinn(lambda_b=1.0),
            phases=(phase,),
        )
