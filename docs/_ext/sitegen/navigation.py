"""The order of the pages. Pages that are not listed follow in the order of the alphabet.

The contents are added while Sphinx reads, so that GitHub shows the Markdown without directives.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HOME = {
    "Learn": ("install", "tutorials/index", "how-to/index", "explanation/index", "faq"),
    "Look up": (
        *("study-file", "choices", "command-line", "python", "store", "studies", "tables"),
        *("cluster", "reference/index", "glossary", "*"),
    ),
    "What was measured": ("results/index", "benchmarks"),
    "The project": ("architecture", "reference/repository/*"),
}
"""What the side bar has, by caption; ``*`` stands for the pages that are named nowhere."""

SECTIONS: dict[str, tuple[str, ...]] = {
    "tutorials/index": (
        *("first-study", "own-equation", "own-data", "own-method", "reading-a-plateau"),
        "cluster",
    ),
    "how-to/index": ("resume", "compare", "export", "prune", "replay", "mlflow", "slurm"),
    "explanation/index": ("plateaus", "leads", "intervals", "packs", "derivatives"),
    "results/index": ("plateaus-search", "remedies", "best-pair", "plateaus-small"),
    "reference/families/index": (
        *("problems", "objectives", "networks", "activations", "inputs", "points", "optimizers"),
        *("weightings", "aggregations", "alignments", "stages", "probes", "samplers", "pruners"),
    ),
    "reference/python/index": ("studies", "one-run", "plateaus", "problems", "geometry"),
    "reference/index": ("study-file", "command-line", "columns", "families/index", "gallery/index"),
}
"""The first pages of each section."""

LISTED = ("results/index", "reference/families/index", "reference/gallery/index")
"""Sections whose page lists the others itself."""


def add_contents(app: "Sphinx", page: str, source: list[str]) -> None:
    """Append the contents to the home page and to the page of a section."""
    docs = Path(app.srcdir)
    if page == "index" or page.endswith("/index"):
        app.env.note_reread()  # pages may come that no change of this one tells of
    if page == "index":
        source[0] += "".join(
            _contents(_there(docs, names), caption=caption, hidden=True)
            for caption, names in _home(docs).items()
        )
    elif page in SECTIONS or (page.startswith("reference/") and page.endswith("/index")):
        folder = docs / page.removesuffix("index")
        first = _there(folder, SECTIONS.get(page, ()))
        every = [*first, *_others(folder, first)]
        source[0] += _contents(every, hidden=page in LISTED, depth=1)


def _home(docs: Path) -> dict[str, list[str]]:
    """The entries of the side bar, those that are named nowhere among them."""
    named = {name for names in HOME.values() for name in names}
    rest = sorted(file.stem for file in docs.glob("*.md") if file.stem not in {*named, "index"})
    return {
        caption: [each for name in names for each in (rest if name == "*" else [name])]
        for caption, names in HOME.items()
    }


def _there(folder: Path, names: Sequence[str]) -> list[str]:
    """Those of the names that have a page; a name may be a pattern."""
    return [
        file.relative_to(folder).with_suffix("").as_posix()
        for name in names
        for file in sorted(folder.glob(f"{name}.md"))
    ]


def _others(folder: Path, first: Sequence[str]) -> list[str]:
    """The other pages of a section, in the order of the alphabet."""
    pages = sorted(file.stem for file in folder.glob("*.md"))
    below = [f"{file.parent.name}/{file.stem}" for file in sorted(folder.glob("*/*.md"))]
    below = [name for name in below if name.endswith(("/index", "/README"))]
    return [name for name in (*pages, *below) if name != "index" and name not in first]


def _contents(
    pages: Sequence[str], *, caption: str = "", hidden: bool = False, depth: int = 2
) -> str:
    """A table of contents in MyST's Markdown."""
    options = [f":maxdepth: {depth}"]
    options += [f":caption: {caption}"] if caption else []
    options += [":hidden:"] if hidden else []
    return "\n".join(["", "", "```{toctree}", *options, "", *pages, "```", ""])
