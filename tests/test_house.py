"""What the files around the code promise: reasons, pins, commands, and no trace of a machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("pinn_core", "sweeps", "analysis")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["benchmarks"], *EXTRAS["docs"]]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins() -> dict[str, Version]:
    lines = [line for line in text("constraints.txt").splitlines() if not line.startswith("#")]
    pairs = [line.split("==") for line in lines]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_bound_has_its_reason(requirement: str) -> None:
    floor = next(each for each in Requirement(requirement).specifier if each.operator == ">=")
    line = next(line for line in PYPROJECT.splitlines() if f'"{requirement}"' in line)
    assert re.search(rf"# {re.escape(floor.version)}(\.0)*: \w", line), line


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_the_tested_set_lies_within_the_bounds(requirement: str) -> None:
    wanted = Requirement(requirement)
    assert pins()[canonicalize_name(wanted.name)] in wanted.specifier


def test_every_pin_fits_every_machine() -> None:
    assert all(version.local is None for version in pins().values())
    assert not {"pip", "setuptools", "wheel", "pinn-sweeps"} & set(pins())


@pytest.mark.parametrize("command", ["make demo", "make test"])
def test_the_readme_and_the_makefile_know_both_commands(command: str) -> None:
    target = command.removeprefix("make ")
    assert re.search(rf"^{target}: \.venv/\.installed$", text("Makefile"), re.MULTILINE)
    assert re.search(rf"^{command}\b", text("README.md"), re.MULTILINE)


def test_ci_stops_at_an_error_and_ends_with_the_readmes_test_command() -> None:
    assert "\nset -euo pipefail\n" in text(".ci/run")
    assert text(".ci/run").endswith("\nmake test\n")


def test_property_tests_are_the_same_every_time_unless_a_seed_is_given(
    pytestconfig: pytest.Config,
) -> None:
    assert settings().derandomize == (pytestconfig.getoption("--hypothesis-seed") is None)
    assert settings().deadline is None


def test_ci_draws_a_seed_for_property_tests_and_says_it() -> None:
    assert '"${PYTEST_ADDOPTS:---hypothesis-seed=$RANDOM' in text(".ci/run")
    assert re.search(r'^echo ".*PYTEST_ADDOPTS=\$PYTEST_ADDOPTS make test"$', text(".ci/run"), re.M)


@pytest.mark.parametrize("room", ROOMS)
def test_every_package_says_that_it_is_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").exists()


def tracked(checkout: Path) -> list[Path]:
    """The files that git tracks; what else lies in a checkout belongs to its user."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=checkout, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a checkout")
    return [checkout / name for name in listed.stdout.split("\0") if (checkout / name).is_file()]


def with_a_place(files: list[Path]) -> dict[str, list[bytes]]:
    """The places on somebody's machine that files name."""
    place = re.compile(rb"(?<![\w.$}])/(?:root|work|opt|Users)/[\w.]+")
    readable = [file for file in files if file.suffix not in {".png", ".pdf", ".parquet"}]
    return {file.name: match for file in readable if (match := place.findall(file.read_bytes()))}


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert with_a_place(tracked(ROOT)) == {}


def test_what_a_user_left_in_a_checkout_is_not_looked_at(tmp_path: Path) -> None:
    for name in ("committed.md", "user.log"):
        (tmp_path / name).write_text("started in /" + "root/projects\n")
    for command in (["init", "--quiet"], ["add", "committed.md"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert with_a_place(tracked(tmp_path)).keys() == {"committed.md"}
