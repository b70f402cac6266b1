"""One door for the parts of every family: those that are shipped and those of a plugin."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any

from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.networks import Network
from pinn_core.optimizers import Optimizer
from pinn_core.parts import FAMILIES, Part
from pinn_core.problems import Problem
from pinn_core.testing.derivatives import check_activation, check_channels
from pinn_core.testing.optimizers import check_optimizer
from pinn_core.testing.problems import check_problem
from pinn_core.testing.said import ContractBroken, NothingFits, demand, said_of
from pinn_core.testing.training import check_training

__all__ = ["ContractBroken", "NothingFits", "check"]

_OF_FAMILY: dict[type[Part], Callable[[Any], None]] = {
    Problem: check_problem,
    Network: check_channels,
    Optimizer: check_optimizer,
}


def check(part: Any) -> None:  # noqa: ANN401
    """Check that a part keeps what its family promises; takes some seconds.

    ``part`` is an instance, a class with defaults, or an activation. All parts: frozen data with a
    kind, registered, which JSON can hold. Problems: a finite grid in shape, with points on every
    segment. Networks and activations: derivatives to order three against automatic differentiation
    in float64. Optimizers: they walk down a bowl, and say what a step costs. All that a run is made
    of: a small pack trains to finite losses, and to the same bits alone, packed and resumed, and
    beside a member that diverges. Raises ``ContractBroken`` with the first promise that is broken,
    or with what the part's code raised and where, and ``NothingFits`` where the part goes together
    with none of the problems tried.
    """
    if not isinstance(part, Part | type) and getattr(part, "kind", None) in ACTIVATIONS:
        check_activation(part)
        return
    instance = part() if isinstance(part, type) else part
    _check_data(instance)
    with said_of(instance):
        for family, own in _OF_FAMILY.items():
            if isinstance(instance, family):
                own(instance)
        check_training(instance)


def _check_data(part: Part) -> None:
    name = type(part).__name__
    kinds = [
        family
        for family in FAMILIES.values()
        if family.contract is not None and isinstance(part, family.contract)
    ]
    demand(len(kinds) == 1, f"{name} belongs to {len(kinds)} families, it must be one")
    registered = getattr(part, "kind", None) in kinds[0]
    demand(registered, f"{name} is not registered in its family {kinds[0].name!r}")
    names = {field.name for field in dataclasses.fields(part)}  # type: ignore[arg-type]
    unknown = sorted(part.per_member - names)
    demand(not unknown, f"{name}.per_member names {unknown}, which are no fields of it")
    plain = part.to_dict()
    demand(json.loads(json.dumps(plain)) == plain, f"{name}: JSON does not hold its fields")
    demand(bool(inspect.getdoc(part)), f"{name} has no docstring: `pinn-sweep list` shows it")
