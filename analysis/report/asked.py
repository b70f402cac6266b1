"""What a study asks of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.metric import Metric
from analysis.ranking import LAST_LOSS
from analysis.rules import Expectation, ExplanationsRule, PlateauRule, WrongSolutionRule


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How runs are read and judged, and what the page is about; without any, the usual.

    `rule` says what a plateau is, `wrong_solution` what counts as a low loss with a wrong solution.
    `metric` is what the search went by, `expected` are published numbers and thresholds to be
    judged, `baseline` is the model that the others are compared with as remedies, and `level` what
    the curve must come down to in that comparison, if not where the baseline leaves its plateau.
    `explanations` says which columns are looked at for what moves before the plateau ends.
    `question` is what the study is to find out, the page's title.
    `draws_at_random` tells that no draw of the search depended on the values of earlier runs, and
    `phase_keys` are the two hyperparameters of the phase diagram, if not the most important ones.
    `costs` are by run id what each configuration costs, where the search looked for cheap ones,
    too, and `cost` is their name.
    """

    rule: PlateauRule = field(default_factory=PlateauRule)
    wrong_solution: WrongSolutionRule = field(default_factory=WrongSolutionRule)
    metric: Metric = LAST_LOSS
    expected: Sequence[Expectation] = ()
    baseline: str | None = None
    level: float | None = None
    explanations: ExplanationsRule = field(default_factory=ExplanationsRule)
    question: str = ""
    draws_at_random: bool = True
    phase_keys: Sequence[str] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    cost: str = ""
