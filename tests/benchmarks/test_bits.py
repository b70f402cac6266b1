"""Two versions of the program compared: what is trained, and which differences are explained."""

from __future__ import annotations

import pytest

from benchmarks import bits
from pinn_core.training.operations import flops


@pytest.mark.parametrize("study", ["allen-cahn-causal", "best-pair", "curriculum", "klein-gordon"])
def test_runs_are_cut_to_a_few_small_updates(study: str) -> None:
    for name, sizes in bits.cuts_of([study]).items():
        configuration = bits.cut(*bits._first(*name.split()), sizes)
        assert configuration.steps <= bits.UPDATES
        assert flops(configuration) <= bits.MOST * configuration.steps


def test_other_bits_are_explained_by_a_raised_number_alone() -> None:
    def run(digest: str, soap: int) -> dict[str, object]:
        return {"digest": digest, "numerics": {"optimizer/soap": soap}}

    before = {"same": run("a", 1), "raised": run("a", 1), "not raised": run("a", 1)}
    now = {
        "same": run("a", 2),
        "raised": run("b", 2),
        "not raised": run("b", 1),
        "new": run("a", 1),
    }
    explained, unexplained = bits.differences(before, now)
    assert explained == ["raised: other bits, as its numbers say (optimizer/soap 1, now 2)"]
    assert unexplained == ["not raised: other bits, and no number was raised"]
