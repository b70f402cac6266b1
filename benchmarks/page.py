"""``python -m benchmarks.page``: docs/benchmarks.md, its figures and the README's numbers.

Every benchmark is a module with ``section(result)`` (Markdown) and, where a picture helps,
``figure(result, file)``. What its ``targets(result)``, where there is such a function, says comes
first on the page; what its ``readme(result)`` says stands in the README, between two comments that
name the benchmark.
"""

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.command import Result
from benchmarks.targets import Target, targets_table

ORDER = (
    *("step", "problems", "packs", "gpu", "diagnostics", "study", "plan", "busy", "driver"),
    *("tracking", "limits", "faults", "goals", "search", "calibration", "leads"),
    *("conditioning", "remedies"),
)
ENDS = ("from", "end of")
ROOT = Path(__file__).resolve().parents[1]


class UnfitResult(ValueError):
    """A result file that the page cannot show; names the file."""


def read(folder: Path) -> dict[str, Result]:
    """Results by the names of their files, in the order of the page.

    Raises ``UnfitResult`` for a file that is no result, or one of a quick look.
    """
    results = {file.stem: _read(file) for file in sorted(folder.glob("*.json"))}
    return dict(sorted(results.items(), key=lambda item: ORDER.index(item[1]["benchmark"])))


def write(results: Path, docs: Path) -> Path:
    """Make the page and its figures in ``docs`` from the files in ``results``; returns the page."""
    found = read(results)
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    for name, result in found.items():
        module = _module(result)
        if hasattr(module, "figure"):
            module.figure(result, images / f"benchmark-{name}.png")
    page = docs / "benchmarks.md"
    page.write_text(text(found), encoding="utf-8")
    return page


def write_readme(results: dict[str, Result], readme: Path) -> None:
    """Put what the results say into the README; raises ``UnfitResult`` where a place is missing."""
    whole = readme.read_text(encoding="utf-8")
    for result in results.values():
        module = _module(result)
        if hasattr(module, "readme"):
            begin, end = (f"<!-- {mark} benchmarks.{result['benchmark']} -->" for mark in ENDS)
            before, found, rest = whole.partition(begin)
            _, closed, after = rest.partition(end)
            if not (found and closed):
                raise UnfitResult(f"{readme}: expected {begin} and {end}")
            whole = f"{before}{begin}\n\n{module.readme(result)}\n\n{end}{after}"
    readme.write_text(whole, encoding="utf-8")


def text(results: dict[str, Result]) -> str:
    """The page in Markdown."""
    asked = [target for result in results.values() for target in _targets(result)]
    parts = [
        "# Benchmarks",
        "Made by `python -m benchmarks.page` from the files in `benchmarks/results`: change those "
        "by running the command that each section names, on a machine that does nothing else.",
    ]
    if asked:
        parts += ["## Targets", targets_table(asked)]
    for name, result in results.items():
        parts += _section(name, result)
    return "\n\n".join(parts) + "\n"


def _section(name: str, result: Result) -> Sequence[str]:
    module = _module(result)
    gpu = result["machine"]["gpu"]
    heading = (module.__doc__ or name).splitlines()[0].rstrip(".")
    return [
        f"## {heading}" + (f" ({gpu})" if gpu else ""),
        *[f"![{heading}](images/benchmark-{name}.png)"] * hasattr(module, "figure"),
        module.section(result),
        *result["notes"],
        _origin(result),
    ]


def _origin(result: Result) -> str:
    """Where, when and by which command it was measured."""
    machine = result["machine"]
    versions = ", ".join(
        f"{name} {number}" for name, number in result["versions"].items() if number
    )
    bits = machine.get("vector_bits")
    width = f"vectors of {bits} bits, " if bits else ""
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    load = "" if machine["load"] is None else f", load {machine['load']} at the start"
    return (
        f"`{result['command']}`, {result['date']}: {machine['processor']}, "
        f"{width}{machine['cores']} cores{f' ({caches})' * bool(caches)}, "
        f"{machine['memory_gib']} GiB{load}; {versions}."
    )


def _targets(result: Result) -> list[Target]:
    module = _module(result)
    return list(module.targets(result)) if hasattr(module, "targets") else []


def _module(result: Result) -> ModuleType:
    return importlib.import_module(f"benchmarks.{result['benchmark']}")


def _read(file: Path) -> Result:
    try:
        result: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise UnfitResult(f"{file}: not JSON: {wrong}") from wrong
    if not isinstance(result, dict) or result.get("benchmark") not in ORDER:
        raise UnfitResult(f"{file}: expected the result of one of {', '.join(ORDER)}")
    if result["quick"]:
        raise UnfitResult(f"{file}: a quick look is not for keeping; run it without --quick")
    return result


def main() -> None:
    """Write the page and the README's part of the checkout."""
    results = ROOT / "benchmarks" / "results"
    try:
        page = write(results, ROOT / "docs")
        write_readme(read(results), ROOT / "README.md")
    except UnfitResult as wrong:
        sys.exit(str(wrong))
    print(f"wrote {page.relative_to(ROOT)} and the numbers of README.md")


if __name__ == "__main__":
    main()
