"""Which runs were judged together, and by which others, kept in the store from before they began.

``pruning/<name>.json`` is written when a pack of a search that prunes begins, and stays. It says
what its judgements depend on, so that they stay the same after workers or the driver died: when
packs are made anew, the runs that are left form one pack again, and the committed ones count as
they did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import blake2b

from sweeps.store.blob_store import READERS, blob_store_at

FOLDER = "pruning"


@dataclass(frozen=True)
class Cohort:
    """Ids of the runs of a pack, and of the runs that were committed when it began."""

    runs: list[str]
    committed: list[str]


def cohorts(root: str) -> list[Cohort]:
    """All that are kept in a store; damaged ones do not count."""
    blobs = blob_store_at(root)
    names = [name for name in sorted(blobs.names(FOLDER)) if name.endswith(".json")]
    with ThreadPoolExecutor(READERS) as pool:
        texts = list(pool.map(lambda name: blobs.read(f"{FOLDER}/{name}"), names))
    found = [_read(text) for text in texts]
    return [cohort for cohort in found if cohort]


def cohort_of(root: str, run_ids: Sequence[str], committed: Iterable[str]) -> Cohort:
    """The cohort that these runs began in, or a new one that is written: it begins now."""
    for cohort in cohorts(root):
        if set(run_ids) <= set(cohort.runs):
            return cohort
    new = Cohort(list(run_ids), sorted(committed))
    name = blake2b(json.dumps(new.runs).encode(), digest_size=8).hexdigest()
    blob_store_at(root).write(f"{FOLDER}/{name}.json", json.dumps(asdict(new)).encode())
    return new


def _read(text: bytes) -> Cohort | None:
    try:
        found = json.loads(text)
        return Cohort([str(one) for one in found["runs"]], [str(one) for one in found["committed"]])
    except (ValueError, TypeError, KeyError):
        return None
