"""What holds for all files of a cluster: no open address, no secret, no option that is none."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.main import get_command

from sweeps.cli import app
from tests.deploy.files import (
    ALL_FILES,
    DEPLOY,
    GUIDE,
    LAUNCHER_FILES,
    ROOT,
    SCRIPTS,
    load,
    our_commands,
    pin,
)

PREFIXES = ("MLFLOW_", "RAY_", "PINN_SWEEP_", "SLURM_")
SLURM = {"SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_JOB_NUM_NODES", "SLURM_CPUS_PER_TASK"}
"""Of what ``man sbatch`` says a batch script finds in its environment."""


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", ALL_FILES, ids=named)
def test_nothing_listens_on_every_address(file: Path) -> None:
    assert not re.search(r"\b0\.0\.0\.0\b|\[::\]", file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", ALL_FILES, ids=named)
def test_no_file_holds_a_password_a_key_or_a_token(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"://[^/\s\"'@]*:[^/\s\"'@]+@", text)
    assert not re.search(r"AKIA[0-9A-Z]{16}|PRIVATE KEY|[0-9a-f]{32}", text)
    given = re.findall(r"(?i)(?:password|token|secret)\w*(?:=|: +)([\w.+-]{6,})(?![\w.+/-])", text)
    assert set(given) <= {"pinn-sweeps-ray"}


@pytest.mark.parametrize("file", ALL_FILES, ids=named)
def test_ray_never_starts_without_a_token(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if re.search(r"^[^#\n]*\bray (start|symmetric-run)\b", text, re.MULTILINE):
        assert "RAY_AUTH_MODE=token" in text


@pytest.mark.parametrize("file", ALL_FILES, ids=named)
def test_every_image_has_a_version(file: Path) -> None:
    found = re.findall(r"(?:image: |^ *FROM )(?:&\w+ )?(\S+)", file.read_text(), re.MULTILINE)
    images = [image for image in found if not image.startswith("*")]
    assert all(re.search(r":\d+\.\d+", image) for image in images), images


@pytest.mark.parametrize("file", ALL_FILES, ids=named)
def test_every_ray_is_the_tested_one(file: Path) -> None:
    versions = re.findall(r"\bray:(\d+\.\d+\.\d+)|\bRay (\d+\.\d+)\b", file.read_text())
    assert all(pin("ray").startswith(one or other) for one, other in versions), versions


@cache
def sources(package: str, *places: str) -> str:
    """The source of some files of an installed package, without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    files = [file for place in places for file in root.glob(place)]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def exists(variable: str) -> bool:
    """Whether who reads an environment variable of that name knows it."""
    word = re.compile(rf"\b{variable}\b")
    if variable.startswith("MLFLOW_"):
        known = sources("mlflow", "environment_variables.py", "utils/cli_args.py", "cli/*.py")
        return bool(word.search(known))
    if variable.startswith("RAY_"):
        places = ("_common/**/*.py", "_private/**/*.py", "autoscaler/_private/*.py")
        return bool(word.search(sources("ray", *places, "scripts/*.py")))
    if variable.startswith("PINN_SWEEP_"):
        return bool(word.search(sources("sweeps", "**/*.py")))
    return variable in SLURM


@pytest.mark.parametrize("file", ALL_FILES, ids=named)
def test_every_environment_variable_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = set(re.findall(rf"\b(?:{'|'.join(PREFIXES)})\w+", text))
    assert {name for name in found if not exists(name)} == set()


def test_a_variable_that_nobody_reads_is_noticed() -> None:
    assert not exists("MLFLOW_SERVER_ALLOWED_HOST")
    assert not exists("RAY_AUTHENTICATION")


def parses(words: list[str]) -> None:
    """Our command line takes these words; nothing is run."""
    _, verb, *arguments = words
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    command.make_context(verb, arguments)


@pytest.mark.parametrize(
    "words", our_commands(GUIDE.read_text(encoding="utf-8")), ids=lambda words: " ".join(words)
)
def test_our_commands_in_the_guide_parse(words: list[str]) -> None:
    parses(words)


def test_the_rayjobs_command_parses() -> None:
    parses(shlex.split(load(DEPLOY / "kuberay" / "rayjob.yaml")["spec"]["entrypoint"]))


def test_the_batch_scripts_command_parses() -> None:
    text = (DEPLOY / "slurm" / "study.sbatch").read_text(encoding="utf-8")
    assert 'exec pinn-sweep run "$@"\' "$driver" "$@" --address "$RAY_ADDRESS"' in text
    parses(["pinn-sweep", "run", "plateaus", "search.runs=8", "--address", "node-a:20000"])


@pytest.mark.parametrize("file", [file for file in ALL_FILES if file.suffix == ".yaml"], ids=named)
def test_yaml_loads(file: Path) -> None:
    assert load(file)


@pytest.mark.parametrize("file", LAUNCHER_FILES, ids=named)
def test_what_is_to_be_edited_says_so(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    blanks = [line for line in lines if re.search(r"\b0{12,}\b|ami-0{17}|-ADDRESS|: USER", line)]
    assert all("# EDIT" in line or line.startswith("# ") for line in blanks), blanks


@pytest.mark.parametrize("script", SCRIPTS, ids=named)
def test_shellcheck_finds_nothing(script: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck (Debian: apt install shellcheck)")
    checked = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
