"""All that is said of one model's search: importances, pairs, regimes, survival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.effects.axes import Axis
from analysis.effects.importance import Importance, importances
from analysis.effects.pairs import Pair, pairs
from analysis.effects.phases import Phases, phases
from analysis.effects.searched import END, Searched
from analysis.effects.survival import Survival, survival
from analysis.verdicts import finite, holm


@dataclass(frozen=True)
class Matters:
    """What a search tells of its hyperparameters; `axes` have the most important first.

    `importances` and `pairs` are by target (`Searched.targets`); importances are empty where they
    cannot be told. `phases` is None with fewer than two axes. `corrected` are the p-values of
    `survivals`, in their order, by Holm's procedure.
    """

    searched: Searched
    axes: tuple[Axis, ...]
    importances: dict[str, list[Importance]]
    pairs: dict[str, list[Pair]]
    phases: Phases | None
    survivals: list[Survival]
    corrected: list[float | None]


def what_matters(searched: Searched, phase_keys: Sequence[str] = ()) -> Matters:
    """What there is to say of a search; `phase_keys` are the two that the study wants to see."""
    targets, shown = searched.targets, searched.shown_targets
    known = {
        target: importances(searched.axes, values) if searched.draws_at_random else []
        for target, values in targets.items()
    }
    axes = _ordered(searched.axes, known[str(searched.metric)])
    survivals = (
        [
            survival(
                axis, searched.runs, searched.configurations if searched.draws_at_random else None
            )
            for axis in axes
        ]
        if END in targets
        else []
    )
    return Matters(
        searched=searched,
        axes=axes,
        importances=known,
        pairs={target: pairs(axes, values, shown[target]) for target, values in targets.items()},
        phases=_phases(searched, axes, phase_keys),
        survivals=survivals,
        corrected=holm([each.p for each in survivals]),
    )


def _ordered(axes: Sequence[Axis], known: Sequence[Importance]) -> tuple[Axis, ...]:
    """The axes, the most important first; those in the study's order where that is unknown."""
    places = {one.key: place for place, one in enumerate(known)}
    return tuple(sorted(axes, key=lambda axis: places.get(axis.key, len(places))))


def _phases(searched: Searched, axes: Sequence[Axis], wanted: Sequence[str]) -> Phases | None:
    named = [axis for key in wanted for axis in axes if axis.key == key]
    shown = named if len(named) == 2 else axes[:2]
    if len(shown) < 2:
        return None
    return phases(shown[0], shown[1], searched.runs["regime"])


def matters_json(found: Matters) -> dict[str, Any]:
    """The numbers as plain data, for claims.json."""
    plain = {
        "model": found.searched.model,
        "runs": len(found.searched.runs),
        "configurations": len(found.searched.configurations),
        "pruned": found.searched.pruned,
        "draws_at_random": found.searched.draws_at_random,
        "importances": {
            target: [vars(one) for one in known] for target, known in found.importances.items()
        },
        "interactions": {
            target: [
                {"keys": [axis.key for axis in pair.axes], "interaction": pair.interaction}
                for pair in of_target
            ]
            for target, of_target in found.pairs.items()
        },
        "regimes": found.searched.runs["regime"].value_counts().to_dict(),
        "plateau_ends": [
            {
                "key": each.axis.key,
                "p": each.p,
                "corrected": corrected,
                "medians": {
                    group.name: {"steps": group.median.value, "at_least": group.median.at_least}
                    for group in each.groups
                },
            }
            for each, corrected in zip(found.survivals, found.corrected, strict=True)
        ],
    }
    return dict(finite(plain))
