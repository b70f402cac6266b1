"""The committed observations of the inverse studies are the references' values."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.observations import FILES, STUDIES


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_what_its_problem_gives(name: str) -> None:
    header, table = FILES[name]()
    file = STUDIES / name
    assert file.read_text().splitlines()[0] == header
    held = np.loadtxt(file, delimiter=",", skiprows=1)
    np.testing.assert_allclose(held, table, rtol=1e-6, atol=1e-8)
