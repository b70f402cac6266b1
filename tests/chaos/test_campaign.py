"""One study of the campaign, killed five times; continuous integration runs it by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.campaign import RUNS, Campaign, Kill, Outcome, table


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_study_killed_over_its_whole_life_ends_as_if_undisturbed(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path / "killed à toute heure")
    outcome = campaign.outcome(0)
    assert outcome.wrong == {}
    assert len(outcome.kills) >= 4  # one may come when the last word is said
    assert campaign.outcome(0) == outcome  # it is known, and not carried out again
    assert [kill.committed for kill in outcome.kills][-1] == RUNS


def test_the_table_counts_phases_and_what_went_wrong() -> None:
    kills = [Kill("start", "start", 0, 1.0), Kill("start", "training", 1, 2.0)]
    said = table([Outcome(kills=kills), Outcome(kills=kills[:1], lost=2, verify=1)])
    header, _, row = ([cell.strip() for cell in line.split("|")] for line in said.splitlines())
    found = dict(zip(header, row, strict=True))
    assert [found[name] for name in ("studies", "kills", "start", "training", "report")] == [
        *("2", "3", "2", "1", "0")
    ]
    assert [found[name] for name in ("lost", "verify", "altered")] == ["2", "1", "0"]
