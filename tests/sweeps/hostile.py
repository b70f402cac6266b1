"""Study files with one value that nobody means, and how far such a study comes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from sweeps.execution.machines import Machine, pack_slots
from sweeps.execution.sizing import refuse_too_large
from sweeps.search.search import ModelSearch
from sweeps.search.selection import Selection
from sweeps.study.plain_yaml import Keys
from sweeps.study.plan import make_packs, rerun_runs
from sweeps.study.study import Study, load_study, study_from
from sweeps.study.study_file import shipped_studies

HERE = [Machine("here", 2.0, 0.0, memory=8 * 2**30)]

VALUES: tuple[Any, ...] = (
    *(0, -1, 1, 3, 10**9, 2**63 - 1, 10**18, 10**30, -(10**18)),
    *(0.0, -0.0, 0.5, 1e-308, 1e18, 1e308, -1e308),
    *("", ".nan", "inf", "1e-3", "ä☃\U0001f600", "\u202e", "x" * 50_000, "../../etc/x", "all"),
    *(None, True, False, [], [[]], {}, {"kind": "x"}, {"x": {}}, [0], [1e308], [None], ["x"]),
    *({"low": -1e308, "high": 1e308}, {"low": 0, "high": 10**18}, {"low": 1, "high": 2, "step": 1}),
    {"low": 1e-308, "high": 1e308, "log": True},
)


def mutants(values: Sequence[Any] = VALUES) -> Iterator[tuple[str, str, Keys, Any]]:
    """Name, text, way and value: every key that a shipped study has or could have, once.

    A key is the same in two studies if the parts around it are of one kind.
    """
    seen = set()
    for name in shipped_studies():
        plain = load_study(name).model_dump(mode="json")
        for keys, mark in _ways(plain):
            if mark in seen:
                continue
            seen.add(mark)
            few = _with_few_models(plain, keys)
            for value in values:
                yield name, _changed(few, keys, value), keys, value


def start(study: Study) -> None:
    """Go as far as a study goes before its first pack is trained; create nothing."""
    slots = sum(pack_slots(study.resources, HERE))
    refuse_too_large(study, HERE, "s3://nowhere")
    selection = Selection(study)
    for model, part in study.models.items():
        if part.space:
            runs = ModelSearch(study, model).ask()[:20]
        else:
            runs = rerun_runs(study, model, [])[:20]
        make_packs(runs, study.resources, slots)
        for run in runs:
            selection.offer(run, 1.0)


def read(text: str) -> Study:
    return study_from(text, "hostile.yaml")


def _ways(node: Any, keys: Keys = (), mark: str = "") -> Iterator[tuple[Keys, str]]:
    """The way to every value, and what it is a key of."""
    if keys:
        yield keys, mark
    if isinstance(node, dict):
        kind = node.get("kind", "")
        for name, below in node.items():
            word = "*" if keys in (("models",),) or keys[-1:] == ("where",) else name
            yield from _ways(below, (*keys, name), f"{mark}.{kind}.{word}")
    elif isinstance(node, list):
        for place, below in enumerate(node[:1]):
            yield from _ways(below, (*keys, place), f"{mark}[]")


def _with_few_models(plain: Any, keys: Keys) -> Any:
    """The study with the model that the way leads through, or two: large studies take longer."""
    if keys[0] in ("analysis", "expected"):
        return plain
    names = [keys[1]] if keys[0] == "models" and len(keys) > 1 else list(plain["models"])[:2]
    models = {name: plain["models"][name] for name in names}
    return {**plain, "models": models, "analysis": {}, "expected": []}


def _with_few_points(plain: Any) -> None:
    """Make every problem's grid small: of most mutants it is made."""
    for part in [plain["base"], *(model["base"] for model in plain["models"].values())]:
        problem = part.get("problem", {})
        problem |= {name: 9 for name in problem if name.startswith("points_")}
        problem |= {name: "all" for name in problem if name == "interior_points"}


def _changed(plain: Any, keys: Keys, value: Any) -> str:
    changed = deepcopy(plain)
    _with_few_points(changed)
    node = changed
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    return json.dumps(changed, ensure_ascii=False)
