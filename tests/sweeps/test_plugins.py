"""Parts of a researcher's own, in files that her study names."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from pinn_core import plugins
from pinn_core.parts import FAMILIES
from pinn_core.plugins import PluginError, code_hash, load, load_shipped
from pinn_core.testing import check
from sweeps.cli import app
from sweeps.errors import StudyError
from sweeps.execution import launch
from sweeps.execution.launch import run_study
from sweeps.study.study import load_study

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_methods"
SMALL = [
    *("base.problem.points_x=9", "base.problem.points_t=9"),
    *("base.network.width=8", "base.network.depth=1", "base.record.points=20"),
    *("base.record.probes.0.every=2", "models.gated.base.network.width=4"),
    *("base.phases.0.steps=4", "models.lion.base.phases.0.steps=4", "rerun.seeds=1"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example, whose parts are unknown again in the end."""
    copytree(EXAMPLE, tmp_path / "own", ignore=lambda *_: ["__pycache__"])
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "_parts", dict(family._parts))
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("fisher_kpp", "methods"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "own"


@pytest.fixture
def unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies end without their report, which takes longer than these small ones to train."""
    monkeypatch.setattr(launch, "bring_report_up_to_date", lambda *_, **__: None)


def launched(folder: Path, *overrides: str) -> tuple[int, str]:
    screen = StringIO()
    study = load_study(str(folder / "fisher.yaml"), [*SMALL, *overrides])
    code = run_study(
        study, runs_dir="runs", executor="inline", console=Console(file=screen, width=1000)
    )
    return code, screen.getvalue()


def asked(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def manifests() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in Path("runs/fisher/store").glob("*.json")]


def forget() -> None:
    """Act as a new process."""
    for module in plugins._loaded:
        sys.modules.pop(module, None)
    plugins._loaded.clear()


def test_a_study_of_own_parts_runs_and_verifies(folder: Path) -> None:
    code, said = launched(folder)
    assert code == 0, said
    own = {part for manifest in manifests() for part in manifest["plugins"]}
    families = "problem/fisher_kpp activation/snake weighting/loss_rates optimizer/lion"
    assert own == {*families.split(), "network/gated_sum", "probe/length"}
    assert {file.name for file in Path("runs/fisher/plugins").iterdir()} == {
        "fisher_kpp.py",
        "methods.py",
    }
    result = asked("verify", "fisher")
    assert result.exit_code == 0, result.output
    assert "12 runs replayed to the bit" in result.output


def test_the_example_keeps_the_contracts(folder: Path) -> None:
    for file in ("fisher_kpp.py", "methods.py"):
        load(file, folder)
    for family in FAMILIES.values():
        for kind in family:
            if family[kind].plugin:
                check(family[kind])


@pytest.mark.usefixtures("unreported")
def test_no_code_out_of_a_store_is_run(folder: Path) -> None:
    assert launched(folder)[0] == 0
    forget()
    for verb in ("report", "verify", "status", "sync"):
        result = asked(verb, "fisher")
        assert result.exit_code == 2
        assert "it needs the plugin 'fisher_kpp.py': give it with --plugin" in result.output
    named = [f"--plugin={folder / name}" for name in ("fisher_kpp.py", "methods.py")]
    assert asked("verify", "fisher", *named).exit_code == 0


@pytest.mark.usefixtures("unreported")
def test_changed_code_is_never_mixed_with_old_runs(folder: Path) -> None:
    assert launched(folder)[0] == 0
    forget()
    methods = folder / "methods.py"
    methods.write_text(methods.read_text() + "\n# a comment changes nothing\n")
    assert asked("verify", str(folder / "fisher.yaml")).exit_code == 0
    forget()
    methods.write_text(methods.read_text() + "\nVERSION = 2\n")
    with pytest.raises(StudyError, match=r"other code of a plugin: .*activation/snake"):
        launched(folder)
    result = asked("verify", str(folder / "fisher.yaml"))
    assert "not replayed: the code of a plugin has changed since" in result.output
    code, said = launched(folder, "name=fisher-2")
    assert code == 0, said


@pytest.mark.usefixtures("unreported")
def test_an_error_of_a_plugin_is_told_at_once_with_file_and_line(folder: Path) -> None:
    methods = folder / "methods.py"
    text = methods.read_text()
    methods.write_text(text.replace("momentum, gradient = ", "momentum, gradient = 1 / 0, "))
    code, said = launched(folder)
    assert code == 1
    line = text[: text.index("momentum, gradient = ")].count("\n") + 1
    assert f"methods.py, line {line}: ZeroDivisionError: division by zero" in said
    assert "retry" not in said


@pytest.mark.usefixtures("unreported")
def test_what_a_method_gave_is_told_at_once(folder: Path) -> None:
    methods = folder / "methods.py"
    methods.write_text(methods.read_text().replace("return -settings", "-settings"))
    code, said = launched(folder)
    assert code == 1
    assert "lion: update gave a NoneType, allowed: a tensor of the shape (1, " in said
    assert "retry" not in said


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("1 / 0", "line 4: plugin 'methods.py': methods.py, line 1: ZeroDivisionError"),
        ("def f(:", "line 4: plugin 'methods.py': methods.py, line 1: SyntaxError"),
        ("import no_such_thing", "methods.py, line 1: ModuleNotFoundError: No module named"),
        ("import sys; sys.exit(3)", "methods.py, line 1: SystemExit: 3"),
        (
            "import pinn_sweeps as ps\n@ps.PROBLEMS.register('heat')\nclass H(ps.Problem): ...",
            "problem 'heat' is registered already, by pinn_core.problems.heat.Heat",
        ),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_message(
    folder: Path, written: str, complaint: str
) -> None:
    (folder / "methods.py").write_text(written)
    with pytest.raises(StudyError) as refused:
        load_study(str(folder / "fisher.yaml"))
    assert complaint in str(refused.value)
    assert not Path("runs").exists()


def test_a_plugin_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"override.*'gone\.py': there is no file"):
        load_study(str(folder / "fisher.yaml"), ["plugins=[gone.py]"])
    with pytest.raises(StudyError, match=r"neither a file that ends in .py nor a module"):
        load_study(str(folder / "fisher.yaml"), ["plugins=[no_such_module]"])
    with pytest.raises(StudyError, match=r"plugins: found 3, allowed: a list"):
        load_study(str(folder / "fisher.yaml"), ["plugins=3"])


def test_a_part_that_lacks_a_method_says_which(folder: Path) -> None:
    (folder / "methods.py").write_text(
        "from dataclasses import dataclass\nimport pinn_sweeps as ps\n"
        "@ps.OPTIMIZERS.register('lion')\n@dataclass(frozen=True)\n"
        "class Lion(ps.Optimizer):\n    steps: int = 1\n    learning_rate: float = 1.0\n"
    )
    with pytest.raises(StudyError, match="optimizer 'lion': Lion lacks start, update"):
        load_study(str(folder / "fisher.yaml"))


def test_list_knows_what_a_plugin_brings(folder: Path) -> None:
    assert "snake" not in asked("list", "activations").output
    result = asked("list", "activations", "--plugin", "own/methods.py")
    assert "snake     z + sin(z)^2" in result.output


def test_a_module_beside_a_plugin_travels_with_it(folder: Path, tmp_path: Path) -> None:
    (folder / "helper.py").write_text("RATE = 8.0\n")
    file = folder / "fisher_kpp.py"
    file.write_text("from helper import RATE\n" + file.read_text())
    plugin = load("fisher_kpp.py", folder)
    assert list(plugin.files) == ["fisher_kpp.py", "helper.py"]
    (folder / "helper.py").write_text("RATE = 9.0\n")
    assert load("fisher_kpp.py", folder).hash != plugin.hash
    sent = json.dumps(plugin.to_dict())
    code = (
        "import json, sys\nfrom pinn_core.plugins import load_shipped\n"
        "load_shipped(json.loads(sys.stdin.read()))\n"
        "from pinn_core.parts import FAMILIES\n"
        "import helper\nprint(FAMILIES['problem']['fisher_kpp'].plugin, helper.RATE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=sent, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{plugin.hash} 8.0\n"


def test_a_module_of_other_code_on_a_worker_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_lab.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(plugins, "_loaded", {})
    plugin = load("my_lab", tmp_path)
    assert plugin.files == {}
    assert load_shipped(plugin.to_dict()) == plugin
    with pytest.raises(PluginError, match="its code on this machine"):
        load_shipped({**plugin.to_dict(), "hash": "0123"})


def test_a_hash_is_that_of_the_code_alone() -> None:
    text = 'def f(x):\n    """Words."""\n    return f"{x!r:>{3}} {x}"  # more\n'
    same = text.replace("  # more", "").replace("return f", "return  f").replace("def", "\n\ndef")
    assert code_hash([text]) == code_hash([same])
    for old, new in (("x!r", "x!s"), ("3", "4"), ("Words", "Word"), ("    return", "return")):
        assert code_hash([text]) != code_hash([text.replace(old, new)])
