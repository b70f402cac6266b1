"""The public names of Python, from their docstrings: the facade, the contracts and the tests."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import pinn_core.testing
import pinn_sweeps
from pinn_core.parts import Family
from sitegen.reference.markdown import code, page, table

GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "studies": (
        "Studies",
        (
            *("run", "plan", "load", "compare", "export", "load_study"),
            *("StudyResults", "TrainedRun", "StudyData", "Solution"),
        ),
    ),
    "one-run": (
        "One run",
        ("train", "Configuration", "Record", "Observations", "Trajectory", "run_id"),
    ),
    "plateaus": ("Plateaus", ("find_plateau", "Plateau", "PlateauRule")),
    "problems": (
        "Problems",
        (
            *(
                "Problem",
                "Grid",
                "Points",
                "Box",
                "Conditions",
                "Condition",
                "Segment",
                "Combination",
            ),
            *("neumann", "robin", "Hard", "Unknown", "lattice", "mesh", "scattered"),
            *("Operator", "Derivatives"),
        ),
    ),
    "geometry": (
        "Domains",
        (
            *("Region", "Shape", "Disc", "Polygon", "union", "intersection", "difference"),
            *("BoundaryPart", "clipped", "clipped_size"),
        ),
    ),
    "networks": ("Networks", ("Network", "ModuleNetwork", "Stack", "Inputs", "by_autograd")),
    "training": (
        "Training",
        (
            *("Objective", "Optimizer", "StepContext", "StepCost", "Weighting", "View"),
            *("Aggregation", "Alignment", "Stages"),
        ),
    ),
    "points": ("Points", ("Sampler", "Asked", "Fresh", "PointSet", "Discretization")),
    "probes": ("Probes", ("Probe", "Column", "Moment")),
    "parts": ("Parts and families", ("Part", "Family")),
    "errors": ("Errors", ("StudyError", "NoRuns", "TrajectoryError", "BrokenPromise")),
}
"""Pages, their titles and their names. A name that no page has comes on one of its own."""


def pages() -> dict[str, str]:
    """The pages of ``reference/python``."""
    shipped = [name for name in pinn_sweeps.__all__ if _is_shipped_part(name)]
    tables = [name for name in pinn_sweeps.__all__ if isinstance(_value(name), (Family, dict))]
    listed = {name for _, names in GROUPS.values() for name in names} | {*shipped, *tables}
    others = [name for name in pinn_sweeps.__all__ if name not in listed]
    made = {f"python/{file}.md": _page(title, names) for file, (title, names) in GROUPS.items()}
    made["python/testing.md"] = page("# Tests of parts", _rst(_module(pinn_core.testing)))
    if others:
        made["python/others.md"] = _page("Others", others)
    return {"python/index.md": _index(shipped, tables), **made}


def _index(shipped: Sequence[str], tables: Sequence[str]) -> str:
    return page(
        "# Python",
        "`import pinn_sweeps as ps` has all that a script or a plugin needs; each name is imported "
        "when it is first used. `pinn_core.testing` checks parts of your own.",
        "Of the shipped parts these have a name there; the others are imported from the place that "
        "their [entry](../families/index.md) names: " + ", ".join(map(code, shipped)) + ".",
        "The families, in which parts of your own are registered:",
        table(
            ["name", "holds"],
            [
                [
                    code(name),
                    held.plural if isinstance(held := _value(name), Family) else "all families",
                ]
                for name in tables
            ],
        ),
    )


def _value(name: str) -> Any:  # noqa: ANN401
    return getattr(pinn_sweeps, name)


def _is_shipped_part(name: str) -> bool:
    value = _value(name)
    return isinstance(value, type) and isinstance(getattr(value, "kind", None), str)


def _page(title: str, names: Sequence[str]) -> str:
    entries = [line for name in names for line in _entry("pinn_sweeps", name, _value(name))]
    return page(f"# {title}", _rst(entries))


def _module(module: Any) -> list[str]:  # noqa: ANN401
    entries = [f".. automodule:: {module.__name__}", "   :no-members:", ""]
    for name in module.__all__:
        entries += _entry(module.__name__, name, getattr(module, name))
    return entries


def _entry(module: str, name: str, value: object) -> Iterator[str]:
    """Autodoc's directive for a name; what a class inherits is said by its base."""
    if inspect.isclass(value):
        kind, options = "class", ["   :members:"]
        options += ["   :show-inheritance:"] if value.__bases__ != (object,) else []
    elif inspect.isfunction(value):
        kind, options = "function", []
    else:
        kind, options = "data", ["   :no-value:"]
    yield from (f".. auto{kind}:: {module}.{name}", *options, "")


def _rst(lines: Sequence[str]) -> str:
    return "```{eval-rst}\n" + "\n".join(lines).rstrip() + "\n```"
