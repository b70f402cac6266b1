"""The studies that come with the package: a page for each, with its file and its comments."""

import itertools

from ruamel.yaml import YAML

from sitegen.reference.markdown import code, escaped, fence, page, table
from sweeps.display.catalogue import STUDIES, known
from sweeps.study.study_file import REDUCED, shipped_studies, text_of


def pages() -> dict[str, str]:
    """The pages of ``reference/gallery``."""
    made = {f"gallery/{name}.md": _page(name) for name in shipped_studies()}
    rows = [[f"[{name}]({name}.md)", escaped(words)] for name, words in known(STUDIES).items()]
    index = page(
        "# Gallery of studies",
        "Every study here comes with the package and runs with `pinn-sweep run NAME`. "
        "[Studies](../../studies.md) says what each repeats, and how large its reduced version is.",
        table(["study", "what it asks"], rows),
    )
    return {"gallery/index.md": index, **made}


def _page(name: str) -> str:
    text = text_of(name)
    values = YAML(typ="safe").load(text)
    opening = list(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()))
    command = f"pinn-sweep run {name}"
    commands = [command] + ([f"{command} {REDUCED}=true"] if REDUCED in values else [])
    models = ", ".join(code(model) for model in values["models"])
    rest = "\n".join(text.splitlines()[len(opening) :]).strip()
    return page(
        f"# {name}",
        escaped(" ".join(line.lstrip("# ") for line in opening)),
        f"Models: {models}." if models else "",
        fence("\n".join(commands), "console"),
        fence(rest, "yaml"),
    )
