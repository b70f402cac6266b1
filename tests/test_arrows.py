"""Which room may import what: sweeps -> pinn_core, sweeps -> analysis, analysis -> trajectories.

Benchmarks measure all three; none of them knows of benchmarks.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("pinn_core", "sweeps", "analysis", "benchmarks")
PACKAGE = ROOMS[:3]
"""What is installed; benchmarks stay in the checkout."""

CORE_NEEDS = {"torch", "numpy", "pyarrow", "scipy", "jaxtyping", "safetensors", "shapely"}
"""All that one training run may use from outside; not Ray, MLflow, Optuna, pydantic or pandas."""

MAY_READ = ("pinn_core.records.", "pinn_core.messages.", "pinn_core.cores.")
"""All of pinn_core that analysis may know: what a run leaves behind, how it is read, the words of
error messages, and the cores of this process."""

FLOORS = {
    "pinn_core": [
        ["checks", "cores", "messages", "randomness", "records", "tensors"],
        ["parts"],
        ["engine", "geometry", "plugins", "solvers"],
        ["problems", "vectors", "networks"],
        ["inputs", "weightings", "optimizers", "aggregations", "observations"],
        ["discretization", "alignments"],
        ["samplers"],
        ["objectives"],
        ["curricula", "probes"],
        ["configuration"],
        ["numerics", "prediction"],
        ["training"],
        ["testing"],
    ],
    "sweeps": [
        ["errors", "process"],
        ["study"],
        ["store"],
        ["search", "tracking"],
        ["display"],
        ["execution"],
        ["checking"],
        ["cli"],
    ],
}
"""The rooms of a package, ground floor first: a room knows of those on lower floors alone."""


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Dotted names that a module's source imports, those in functions included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")
            above = above[: len(above) - node.level + is_package] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def imports_of(room: str) -> Iterator[tuple[str, str]]:
    for file in sorted((ROOT / room).rglob("*.py")):
        name = module_name(file)
        source = file.read_text(encoding="utf-8")
        for target in imported(source, name, is_package=file.name == "__init__.py"):
            yield name, target


def trespasses(room: str, allowed: set[str]) -> list[str]:
    """Imports of a room that are neither the standard library's, its own nor allowed."""
    free = set(sys.stdlib_module_names) | {room} | allowed
    return [
        f"{module} imports {target}"
        for module, target in imports_of(room)
        if target.partition(".")[0] not in free
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import ray.tune", ["ray.tune"]),
        ("from sweeps.study.plan import Run", ["sweeps.study.plan.Run"]),
        ("def f():\n    import mlflow", ["mlflow"]),
        ("from . import heat", ["pinn_core.problems.heat"]),
        ("from ..training.trainer import train", ["pinn_core.training.trainer.train"]),
    ],
)
def test_every_way_of_importing_is_seen(source: str, found: list[str]) -> None:
    assert list(imported(source, "pinn_core.problems.problem")) == found


def test_relative_imports_of_a_package_start_at_itself() -> None:
    assert list(imported("from .a import b", "pinn_core.networks", is_package=True)) == [
        "pinn_core.networks.a.b"
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_there(room: str) -> None:
    assert list(imports_of(room))


def own_room(name: str) -> str:
    """The folder or module directly inside a package; empty for the package itself."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_of_a_package_has_its_floor(package: str) -> None:
    rooms = {own_room(module) for module, _ in imports_of(package)} - {""}
    assert rooms == {room for floor in FLOORS[package] for room in floor}


@pytest.mark.parametrize("package", FLOORS)
def test_no_arrow_runs_up_or_along_a_floor(package: str) -> None:
    floor_of = {room: floor for floor, rooms in enumerate(FLOORS[package]) for room in rooms}
    upward = [
        f"{module} imports {target}"
        for module, target in imports_of(package)
        for room, known in [(own_room(module), own_room(target))]
        if target.startswith(f"{package}.") and room and room != known
        if floor_of[known] >= floor_of[room]
    ]
    assert upward == []


def test_one_training_run_knows_nothing_of_where_it_runs() -> None:
    assert trespasses("pinn_core", CORE_NEEDS) == []


def test_analysis_knows_neither_sweeps_nor_ray() -> None:
    strangers = {"sweeps", "ray", "torch"}
    found = [
        f"{module} imports {target}"
        for module, target in imports_of("analysis")
        if target.partition(".")[0] in strangers
    ]
    assert found == []


def test_importances_alone_need_optuna() -> None:
    users = {
        module for module, target in imports_of("analysis") if target.partition(".")[0] == "optuna"
    }
    assert users == {"analysis.effects.importance"}


def test_analysis_reads_trajectories_and_nothing_else_of_the_core() -> None:
    found = [
        f"{module} imports {target}"
        for module, target in imports_of("analysis")
        if target.startswith("pinn_core") and not target.startswith(MAY_READ)
    ]
    assert found == []


@pytest.mark.parametrize("room", PACKAGE)
def test_nothing_that_is_installed_knows_of_benchmarks(room: str) -> None:
    found = [
        f"{module} imports {target}"
        for module, target in imports_of(room)
        if target.partition(".")[0] == "benchmarks"
    ]
    assert found == []


@pytest.mark.parametrize(
    ("package", "peers"),
    [
        ("deepxde", {"deepxde"}),
        ("jinns", {"jinns"}),
        ("jax", {"jax_residuals", "jax_scripts", "jaxpi_style", "jinns"}),
    ],
)
def test_its_peers_alone_need_what_is_compared_with(package: str, peers: set[str]) -> None:
    users = {
        module
        for room in ROOMS
        for module, target in imports_of(room)
        if target.partition(".")[0] == package
    }
    assert users == {f"benchmarks.peers.{peer}" for peer in peers}
