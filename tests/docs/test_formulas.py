"""Formulas become MathML."""

from __future__ import annotations

import pytest

pytest.importorskip("latex2mathml", reason="needs the extra docs")
pytest.importorskip("sphinx", reason="needs the extra docs")

from sitegen.mathml import mathml
from sitegen.reference.families import EQUATIONS


def test_every_equation_of_the_reference_is_known_to_the_converter() -> None:
    for kinds in EQUATIONS.values():
        for kind, equation in kinds.items():
            made, unknown = mathml(equation, "block")
            assert made.startswith("<math"), kind
            assert unknown == [], kind


def test_aligned_equations_are_a_table() -> None:
    made, _ = mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert made.count("<mtr>") == 2


def test_an_unknown_command_is_named() -> None:
    assert mathml(r"\nosuch u")[1] == [r"\nosuch"]


def test_a_line_over_letters_covers_them() -> None:
    made, _ = mathml(r"\overline{a b} + \bar c + \hat d")
    assert '<mrow class="overline"><mrow><mi>a</mi><mi>b</mi></mrow></mrow>' in made
    assert '<mrow class="overline"><mi>c</mi></mrow>' in made
    assert made.count("<mover") == 1
