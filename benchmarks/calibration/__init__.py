"""Whether 95 % intervals cover 95 %: every method for every statistic of the report.

Samples are drawn from distributions whose true number is known; a verdict is false where the
interval lies wholly above or wholly below it. What the report uses is taken from
``analysis.estimates`` itself. Rows: statistic, method, used, distribution, seeds, coverage, above,
below, repetitions.
"""

from benchmarks.calibration.coverage import measure
from benchmarks.calibration.tables import figure, section

__all__ = ["figure", "measure", "section"]
