"""The parts of the documentation site that are made when it is built.

The reference is written from the code before Sphinx reads the pages; pages keep the links that work
on GitHub, and those that leave the documentation are turned here.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: "Sphinx") -> dict[str, Any]:
    """Sphinx's entry."""
    from sitegen import links, mathml, navigation, signatures

    app.add_config_value("repository_url", "", "env")
    app.connect("builder-inited", _write_reference)
    app.connect("source-read", links.turn)
    app.connect("source-read", navigation.add_contents)
    app.connect("autodoc-process-signature", signatures.shortened)
    mathml.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_reference(app: "Sphinx") -> None:
    from sitegen.reference import write_reference

    write_reference(Path(app.srcdir), app.config.repository_url)
