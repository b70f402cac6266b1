"""The tracking server's files: nothing listens beyond loopback, and no file holds a password."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import DEPLOY, load, pin, python

SERVER = DEPLOY / "tracking-server"


@pytest.fixture
def services() -> dict[str, Any]:
    return dict(load(SERVER / "compose.yaml")["services"])


def served(tmp_path: Path, **environment: str) -> tuple[str, dict[str, str]]:
    """How ``serve.sh`` calls MLflow, and with which environment."""
    mlflow = tmp_path / "bin" / "mlflow"
    mlflow.parent.mkdir()
    mlflow.write_text('#!/bin/sh\necho "$@"\nexec env\n')
    mlflow.chmod(0o755)
    shutil.copytree(SERVER, tmp_path / "server", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([tmp_path / "server" / "secrets.sh"], check=True)
    said = subprocess.run(
        ["sh", tmp_path / "server" / "serve.sh"],
        env={"PATH": f"{mlflow.parent}:{os.environ['PATH']}"}
        | {"SECRETS": str(tmp_path / "server" / "secrets")}
        | environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    command, *pairs = said.splitlines()
    return command, dict(pair.split("=", 1) for pair in pairs)


def test_secrets_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    shutil.copy(SERVER / "secrets.sh", tmp_path)
    subprocess.run([tmp_path / "secrets.sh"], check=True)
    made = {file.name: file for file in (tmp_path / "secrets").iterdir()}
    assert set(made) == {"postgres-password", "pgpass", "admin-password", "flask-key"}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in made.values())
    before = made["pgpass"].read_text()
    assert before.endswith(f":mlflow:{made['postgres-password'].read_text()}")
    again = subprocess.run([tmp_path / "secrets.sh"], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "keep them" in again.stderr
    assert made["pgpass"].read_text() == before


def test_the_server_is_on_loopback_wants_a_name_and_knows_its_hosts(tmp_path: Path) -> None:
    command, environment = served(tmp_path)
    assert "server --app-name basic-auth --host 127.0.0.1 --port 5000 " in command
    assert "--allowed-hosts localhost:5000,127.0.0.1:5000" in command
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"


def test_no_password_stands_in_the_command(tmp_path: Path) -> None:
    command, environment = served(tmp_path)
    secrets = {file.read_text().strip() for file in (tmp_path / "server" / "secrets").iterdir()}
    assert not any(secret in command for secret in secrets)
    assert environment["MLFLOW_AUTH_ADMIN_PASSWORD"] in secrets
    assert Path(environment["PGPASSFILE"]).is_file()


def test_who_is_given_nothing_sees_nothing() -> None:
    settings = configparser.ConfigParser()
    settings.read(SERVER / "basic_auth.ini")
    assert settings["mlflow"]["default_permission"] == "NO_PERMISSIONS"
    assert "admin_password" not in settings["mlflow"]


def test_runs_and_accounts_lie_in_one_database(tmp_path: Path) -> None:
    settings = configparser.ConfigParser()
    settings.read(SERVER / "basic_auth.ini")
    command, _ = served(tmp_path)
    assert f"--backend-store-uri {settings['mlflow']['database_uri']} " in command


def test_no_container_opens_a_port(services: dict[str, Any]) -> None:
    assert not any("ports" in service for service in services.values())
    assert services["database"]["network_mode"] == "none"


def test_containers_get_secrets_as_files(services: dict[str, Any]) -> None:
    environment = services["database"]["environment"]
    assert environment["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres-password"
    assert "POSTGRES_PASSWORD" not in environment
    held = load(SERVER / "compose.yaml")["secrets"]
    used = {name for service in services.values() for name in service["secrets"]}
    assert used == set(held)
    assert all(secret == {"file": f"secrets/{name}"} for name, secret in held.items())


def test_versions_are_pinned_to_the_tested_set(services: dict[str, Any]) -> None:
    recipe = services["mlflow"]["build"]["dockerfile_inline"]
    assert f"mlflow[auth]=={pin('mlflow')}" in recipe
    assert f"psycopg[binary]=={pin('psycopg')}" in recipe
    assert f"FROM python:{'.'.join(python())}." in recipe
    assert "--constraint /constraints.txt" in recipe
    assert services["database"]["image"].startswith("postgres:17.")
