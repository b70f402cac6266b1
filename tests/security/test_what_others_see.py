"""What other users and machines see of a study: no port beyond loopback, and no secret anywhere."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.processes import commands, family
from benchmarks.servers import free_port, mlflow_server
from tests.processes import running
from tests.security.processes import listening
from tests.sweeps.samples import STUDY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux's /proc"),
]
COMMAND = Path(sys.executable).with_name("pinn-sweep")
OVERRIDES = ("base.phases.0.steps=30", "rerun.seeds=1")
LOOPBACK = {"127.0.0.1", "::1"}


@dataclass
class Seen:
    """What could be seen of a command while it ran and afterwards."""

    secrets: dict[str, str]
    output: str = ""
    code: int | None = None
    addresses: set[str] = field(default_factory=set)
    commands: set[bytes] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    modes: dict[str, int] = field(default_factory=dict)

    def look(self, pid: int, ray_folder: Path) -> None:
        processes = family(pid)
        self.addresses |= listening(processes)
        self.commands |= set(commands(processes))
        self._look_at(ray_folder)

    def _look_at(self, ray_folder: Path) -> None:
        """Note the modes of Ray's folders and keep its files, which go with it."""
        for entry in ray_folder.glob("ray-*"):
            self.modes[entry.name] = stat.S_IMODE(entry.stat().st_mode)
        for file in ray_folder.glob("ray-*/**/*"):
            with suppress(OSError):
                if file.is_file() and not file.is_symlink():
                    os.link(file, ray_folder / f"kept-{file.stat().st_ino}-{file.name}")


@pytest.fixture(scope="module")
def ray_folder() -> Iterator[Path]:
    """With a path short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="r-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, ray_folder: Path) -> Seen:
    """A study with secrets in its environment, which ends well."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "sample.yaml").write_text(STUDY)
    (folder / "server").mkdir()
    names = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "RAY_AUTH_TOKEN", "address")
    found = Seen({name: f"spices-{secrets.token_hex(16)}" for name in names})
    with mlflow_server(folder / "server", f"sqlite:///{folder}/server/mlflow.db") as uri:
        environment = os.environ | {
            **found.secrets,
            "MLFLOW_TRACKING_USERNAME": "ada",
            "MLFLOW_TRACKING_URI": uri.replace("://", f"://ada:{found.secrets['address']}@"),
            "RAY_TMPDIR": str(ray_folder),
        }
        command = [COMMAND, "run", "sample.yaml", *OVERRIDES]
        with running(command, cwd=folder, env=environment) as process:
            while process.poll() is None:
                found.look(process.pid, ray_folder)
                time.sleep(0.2)
            assert process.stdout is not None
            found.output, found.code = process.stdout.read(), process.returncode
    found.files = [
        file for root in (folder, ray_folder) for file in root.rglob("*") if file.is_file()
    ]
    return found


def test_the_study_ends_well_and_is_published(seen: Seen) -> None:
    assert seen.code == 0, seen.output
    assert "MLflow unreachable" not in seen.output
    names = {file.name for file in seen.files}
    assert {"study.yaml", "index.html", "mlflow.db"} <= names
    assert any("gcs_server" in name for name in names)


def test_nothing_of_it_listens_beyond_loopback(seen: Seen) -> None:
    assert seen.addresses
    assert seen.addresses <= LOOPBACK


def test_rays_files_lie_in_a_folder_of_this_user_alone_and_go_with_it(
    seen: Seen, ray_folder: Path
) -> None:
    assert set(seen.modes.values()) == {0o700}
    assert list(ray_folder.glob("ray-*")) == []


def test_no_command_line_holds_a_secret(seen: Seen) -> None:
    assert any(b"raylet" in command for command in seen.commands)
    for name, secret in seen.secrets.items():
        assert not any(secret.encode() in command for command in seen.commands), name


def test_no_file_and_no_line_on_the_screen_holds_a_secret(seen: Seen) -> None:
    contents = {file: file.read_bytes() for file in seen.files}
    for name, secret in seen.secrets.items():
        assert secret not in seen.output, name
        found = [file for file, content in contents.items() if secret.encode() in content]
        assert found == [], name


def test_mlflows_pages_are_on_loopback_and_no_command_holds_their_address(tmp_path: Path) -> None:
    study = tmp_path / "sample"
    study.mkdir()
    (study / "study.yaml").write_text(STUDY)
    port, secret = free_port(), "spices-and-secrets"
    uri = f"sqlite:///{tmp_path}/mlflow.db?password={secret}"
    command = [COMMAND, "ui", "sample", "--runs-dir", tmp_path, "--port", str(port)]
    given = os.environ | {"MLFLOW_TRACKING_URI": uri}
    with running(command, env=given, stderr=None) as process:
        assert process.stdout is not None
        said = process.stdout.readline() + process.stdout.readline()
        processes = family(process.pid)
        addresses = listening(processes)
        process.terminate()
        rest = process.stdout.read()
    assert re.search(rf"http://127\.0\.0\.1:{port}", said), said
    assert addresses == {"127.0.0.1"}
    assert len(processes) > 2
    assert secret not in said + rest
    assert not any(secret.encode() in command for command in commands(processes))
