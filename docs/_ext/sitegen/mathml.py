"""Formulas as MathML, which browsers set by themselves: no script, no font, no server."""

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

_ALIGNED = re.compile(r"(\\(?:begin|end)\{)(?:aligned|gathered)\}")
_UNKNOWN = re.compile(r"<m[io]>(\\\w+)")
_BARS = ("\u2015", "\u00af")
"""What the converter puts over the argument of an overline and of a bar."""
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", NAMESPACE)
_log = logging.getLogger(__name__)


def setup(app: "Sphinx") -> None:
    """Enter the renderer that ``html_math_renderer`` names."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))


def mathml(formula: str, display: str = "inline") -> tuple[str, list[str]]:
    r"""A LaTeX formula as MathML, and the commands in it that are not known.

    >>> mathml(r"u_t = \nosuch u")[1]
    ['\\nosuch']
    """
    made: str = convert(_ALIGNED.sub(r"\1split}", formula), display=display)
    return _with_overlines(made), _UNKNOWN.findall(made)


def _with_overlines(made: str) -> str:
    """Lines over letters as borders (site.css): fonts have them too short."""
    root = ElementTree.fromstring(made)
    for over in root.iter(f"{{{NAMESPACE}}}mover"):
        if over[1].text in _BARS:
            over.tag = f"{{{NAMESPACE}}}mrow"
            over.set("class", "overline")
            over.remove(over[1])
    return ElementTree.tostring(root, "unicode")


def _inline(translator: "HTML5Translator", node: nodes.math) -> None:
    translator.body.append(_checked(node, "inline"))
    raise nodes.SkipNode


def _display(translator: "HTML5Translator", node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula">{_checked(node, "block")}</div>\n')
    raise nodes.SkipNode


def _checked(node: nodes.Element, display: str) -> str:
    made, unknown = mathml(node.astext(), display)
    for command in unknown:
        _log.warning("unknown command %s in the formula %s", command, node.astext(), location=node)
    return made
