"""The names of runs: by which rule they are made, and what of a run goes into them."""

import hashlib
from dataclasses import fields
from typing import Any

from pinn_core.configuration.configuration import Configuration, canonical_json
from pinn_core.configuration.record import Record
from pinn_core.parts import Plain

RULE = 3
"""The rule by which runs get their names; a manifest says by which its run got it.

It is raised, too, when a column is added that every run has, for the digests then differ: rule 3 is
rule 2 with the residual at held-out points.
"""


def run_id(configuration: Configuration, seed: int, rule: int = RULE) -> str:
    """Name of a run: the first 16 hex digits of blake2b over what it is.

    Since rule 2 these are the seed and what differs from the defaults
    (``Configuration.identity``); by rule 1, that of version 0.1.0, the seed and every key that
    there was then.
    """
    if rule == 1:
        said = {"configuration": _by_rule_1(configuration), "seed": seed}
    else:
        said = {"rule": rule, "configuration": configuration.identity(), "seed": seed}
    return hashlib.blake2b(canonical_json(said).encode(), digest_size=8).hexdigest()


def _by_rule_1(configuration: Configuration) -> Plain:
    """Every key of version 0.1.0. Fields that were added later say so in their metadata."""
    said = configuration.to_dict(lambda part: part.to_dict(frozenset(_later(part))))
    said["record"] = {
        key: value for key, value in said["record"].items() if key not in _later(Record)
    }
    for name in _later(configuration):
        if not getattr(configuration, name):  # as when there was no such key
            del said[name]
    return said


def _later(part: Any) -> list[str]:  # noqa: ANN401
    return [each.name for each in fields(part) if "since" in each.metadata]
