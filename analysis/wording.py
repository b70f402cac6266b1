"""Numbers as people write them."""

from __future__ import annotations

import math
import re

NONE = "–"
ACRONYMS = {"pinn": "PINN"}


def model_name(model: object) -> str:
    """A model's name as a reader expects it: as in the study file, an acronym in capitals.

    >>> model_name("pinn"), model_name("fourier")
    ('PINN', 'fourier')
    """
    return ACRONYMS.get(str(model), str(model))


def number(value: float | None) -> str:
    """To three significant digits, or the next whole number of up to six; a dash for none.

    >>> number(0.12345), number(1052.5), number(2.5e6)
    ('0.123', '1052', '2.5e+06')
    """
    if value is None or not math.isfinite(value):
        return NONE
    whole = float(value).is_integer() or abs(value) >= 1e3
    return f"{value:.0f}" if whole and abs(value) < 1e6 else f"{value:.3g}"


def plus_minus(mean: float, sd: float) -> str:
    """A mean and its standard deviation, both to the deviation's first digit (second, after a 1).

    >>> plus_minus(428.4, 62.1), plus_minus(-0.4631, 0.0402), plus_minus(3.0, math.nan)
    ('428 ± 62', '-0.46 ± 0.04', '3')
    """
    if not (math.isfinite(mean) and math.isfinite(sd)) or sd <= 1e-6 * abs(mean):
        return number(mean)
    place = math.floor(math.log10(sd))
    digits = max(0, -place + (sd < 2 * 10**place and place > -3))
    size = max(abs(mean), sd)
    if size >= 1e4 or (size < 1e-2 and digits > 3):
        digits = max(0, math.floor(math.log10(size)) - place)
        return re.sub(r"e([+-])0*", _exponent, f"{mean:.{digits}e} ± {sd:.0e}")
    return f"{round(mean, digits) + 0.0:.{digits}f} ± {sd:.{digits}f}"  # no "-0.0"


def _exponent(found: re.Match[str]) -> str:
    return "e-" if found[1] == "-" else "e"


def duration(seconds: float) -> str:
    """In the one or two largest units that matter.

    >>> duration(8.25), duration(75), duration(1500), duration(3 * 3600 + 25 * 60)
    ('8.2 s', '1 min 15 s', '25 min', '3 h 25 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes < 10 else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def count(number_of: int, singular: str) -> str:
    """A number with its noun: "1 run", "3 runs"."""
    return f"{number_of} {singular}" if number_of == 1 else f"{number_of} {singular}s"
