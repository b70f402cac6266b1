"""What the project's own files never do: unpickle, load YAML that acts, listen to everyone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("pinn_core", "sweeps", "analysis", "benchmarks")
CODE = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
RUN = [*CODE, ROOT / "cluster.yaml", *(ROOT / "deploy").rglob("*"), *(ROOT / ".ci").iterdir()]

NEVER = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads"),
    *("dill.load", "dill.loads", "joblib.load", "marshal.load", "marshal.loads", "shelve.open"),
    *("pandas.read_pickle", "pd.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
    *("eval", "exec", "os.system", "os.popen"),
}


def calls(file: Path) -> Iterator[ast.Call]:
    return (
        node
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    )


def given(call: ast.Call) -> dict[str, str]:
    return {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}


def dangerous(call: ast.Call) -> bool:
    name, words = ast.unparse(call.func), given(call)
    return (
        name in NEVER
        or (name == "torch.load" and words.get("weights_only") != "True")
        or (name in {"np.load", "numpy.load"} and words.get("allow_pickle", "False") != "False")
        or (name == "YAML" and words.get("typ") != "'safe'")
        or words.get("shell", "False") != "False"
    )


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "pickle.load(file)",
        "np.load(file, allow_pickle=True)",
        "YAML()",
        "YAML(typ='unsafe')",
        "yaml.load(text)",
        "subprocess.run(command, shell=True)",
    ],
)
def test_what_is_looked_for_would_be_found(code: str) -> None:
    (call,) = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    assert dangerous(call)


def test_nothing_is_loaded_that_could_act() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for file in CODE
        for call in calls(file)
        if dangerous(call)
    ]
    assert found == []


def test_nothing_is_imported_that_unpickles() -> None:
    names = re.compile(r"^\s*(?:import|from) (pickle|dill|joblib|marshal|shelve)\b", re.MULTILINE)
    assert [file for file in CODE if names.search(file.read_text(encoding="utf-8"))] == []


def test_nothing_listens_to_everyone() -> None:
    everyone = re.compile(r"""0\.0\.0\.0|\[::\]|bind\(\(["']{2}""")
    readable = [file for file in RUN if file.is_file() and file.suffix != ".pyc"]
    found = [file for file in readable if everyone.search(file.read_text(encoding="utf-8"))]
    assert found == []
