"""No value of any key makes a traceback, nor takes for ever: it is refused, or it starts."""

from __future__ import annotations

import os
from itertools import islice

import pytest

from sweeps.errors import StudyError
from tests.sweeps.hostile import mutants, read, start

EVERY = int(os.environ.get("HOSTILE_EVERY", "397"))
"""Of all keys with all values, one in so many is tried; 1: all, some minutes."""


@pytest.mark.timeout(60 + 20_000 // EVERY)
def test_a_study_with_any_value_is_refused_in_a_sentence_or_could_start() -> None:
    started = refused = 0
    for name, text, keys, value in islice(mutants(), 0, None, EVERY):
        try:
            start(read(text))
        except StudyError as error:
            refused += 1
            assert len(str(error)) < 3_000, (name, keys)
        except Exception as error:
            raise AssertionError(f"{name}: {keys} = {value!r:.200}") from error
        else:
            started += 1
    assert started  # how many they are depends on which ones the sample meets
    assert refused > 10 * started / EVERY
