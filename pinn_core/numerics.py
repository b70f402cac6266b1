"""Which arithmetic made a run's numbers: one number for every part and kernel that it used.

A part's number stands where the part is registered, a kernel's in ``KERNELS``. A change that makes
the same configuration and seed give other bits raises the number by one, so that a stored run says
whether today's program would repeat it. Version 0.1.0 wrote no numbers: they all were 1.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pinn_core.configuration import families
from pinn_core.parts import FAMILIES, Family

KERNELS = {"eager": 2, "native": 2, "recording": 1}
"""Both backends of the derivative engine, and what is recorded of every run."""

FIRST = 1
"""The number of everything in version 0.1.0."""


def numerics(configuration: Mapping[str, Any], backend: str) -> dict[str, int]:
    """Today's numbers of what a run uses, by ``family/kind`` or ``kernel/name``.

    ``configuration`` is plain data, as ``Configuration.to_dict`` makes it and a manifest holds it;
    ``backend`` is named as in ``pinn_core.training.trainer.environment``. Parts that this program
    does not know are left out.
    """
    parts = {
        f"{family.name}/{kind}": family[kind].numerics
        for family, kind in _used(configuration)
        if kind in family
    }
    kernels = {backend.partition(" ")[0], "recording"} & KERNELS.keys()
    return parts | {f"kernel/{name}": KERNELS[name] for name in sorted(kernels)}


def sources(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Hashes of the plugins that a run's parts come from, by ``family/kind``."""
    return {
        f"{family.name}/{kind}": family[kind].plugin
        for family, kind in _used(configuration)
        if kind in family and family[kind].plugin
    }


def changed(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """The numbers that differ, before and now, by name; a name that ``before`` lacks was 1.

    >>> changed({"optimizer/adam": 1}, {"optimizer/adam": 1, "optimizer/soap": 2})
    {'optimizer/soap': (1, 2)}
    """
    return {
        name: (before.get(name, FIRST), number)
        for name, number in now.items()
        if before.get(name, FIRST) != number
    }


def _used(configuration: Mapping[str, Any]) -> Iterator[tuple[Family[Any], str]]:
    probes = configuration.get("record", {}).get("probes", [])
    held = [(configuration.get(key, []), family) for key, family in families().items()]
    for parts, family in [*held, (probes, FAMILIES["probe"])]:
        for part in parts if isinstance(parts, list) else [parts]:
            kind = part["kind"]
            yield family, kind
            for field, other in (family[kind].named if kind in family else {}).items():
                yield FAMILIES[other], part[field]
