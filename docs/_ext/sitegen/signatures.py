"""Signatures as the Python reference shows them."""

import inspect
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def shortened(
    _app: "Sphinx",
    what: str,
    _name: str,
    value: Any,  # noqa: ANN401
    _options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """That of a dataclass without types: its fields follow, each with its own."""
    if what != "class" or not (isinstance(value, type) and is_dataclass(value)):
        return signature, returns
    parameters = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in inspect.signature(value).parameters.values()
    ]
    return str(inspect.Signature(parameters)).replace("=<factory>", "=..."), None
