"""Random numbers keyed by (seed, purpose, step): nothing else can change what a run draws."""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    """A fresh generator; equal arguments give equal numbers in any process and order."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    key = np.array([int.from_bytes(digest, "little"), step], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
